/**
 * A notification as its topic delivers it to the follow-up queue: an SNS envelope whose attributes name the incident
 * and the step. The text itself is never read.
 * https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
 */
import * as z from 'zod';
import { isKeyPart } from '../keys.ts';
import type { Receipt } from './caller.ts';

const part = z.object({ Value: z.string().refine(isKeyPart) });
const schema = z.object({
  Type: z.literal('Notification'),
  MessageId: z.string().min(1),
  MessageAttributes: z.object({
    service: part,
    incident: part,
    step: z.object({ Value: z.enum(['first', 'final']) }),
  }),
});

export function readReceipt(event: unknown): Receipt | null {
  const parsed = schema.safeParse(event);
  if (!parsed.success) return null;
  const { MessageAttributes: attributes, MessageId } = parsed.data;
  return {
    kind: 'receipt',
    service: attributes.service.Value,
    incident: attributes.incident.Value,
    step: attributes.step.Value,
    messageId: MessageId,
  };
}

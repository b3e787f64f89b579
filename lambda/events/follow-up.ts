/** Our own message: look at an incident again. Its form is a contract with messages already in the queue. */
import * as z from 'zod';
import { type IncidentId, isKeyPart } from '../keys.ts';
import type { FollowUp } from './caller.ts';

const part = z.string().refine(isKeyPart);
const schema = z.object({ followUp: z.object({ service: part, incident: part }) });

export function readFollowUp(event: unknown): FollowUp | null {
  const parsed = schema.safeParse(event);
  return parsed.success ? { kind: 'follow-up', ...parsed.data.followUp } : null;
}

export function writeFollowUp({ service, incident }: IncidentId): string {
  return JSON.stringify({ followUp: { service, incident } });
}

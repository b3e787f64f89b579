/**
 * S3 "Object Created" as EventBridge delivers it, at least once and in any order.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 */
import * as z from 'zod';
import type { TraceStored } from './caller.ts';

const schema = z.object({
  source: z.literal('aws.s3'),
  'detail-type': z.literal('Object Created'),
  detail: z.object({
    bucket: z.object({ name: z.string().min(1) }),
    object: z.object({ key: z.string().min(1) }),
  }),
});

export function readObjectCreated(event: unknown): TraceStored | null {
  const parsed = schema.safeParse(event);
  if (!parsed.success) return null;
  const { bucket, object } = parsed.data.detail;
  return { kind: 'trace-stored', bucket: bucket.name, key: object.key };
}

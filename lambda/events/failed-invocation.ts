/**
 * The record that Lambda's on-failure destination puts into the dead-letter queue: the original event lies inside.
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
 */
import * as z from 'zod';

const schema = z.object({
  requestContext: z.object({ condition: z.string() }),
  requestPayload: z.unknown().refine((payload) => payload !== undefined),
});

/** The original event, or undefined where this is no such record. */
export function originalEvent(event: unknown): unknown {
  const parsed = schema.safeParse(event);
  return parsed.success ? parsed.data.requestPayload : undefined;
}

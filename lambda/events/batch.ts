/**
 * Records from the follow-up queue. Each body holds one of our follow-ups, a receipt, or (when a dead letter is
 * replayed) any event that the function accepts.
 * https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
 */
import * as z from 'zod';

const schema = z.object({
  Records: z
    .array(z.object({ eventSource: z.literal('aws:sqs'), messageId: z.string(), body: z.string() }))
    .min(1),
});

export function readRecords(
  event: unknown,
): readonly { readonly messageId: string; readonly body: unknown }[] | null {
  const parsed = schema.safeParse(event);
  if (!parsed.success) return null;
  return parsed.data.Records.map(({ messageId, body }) => ({ messageId, body: readBody(body) }));
}

function readBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

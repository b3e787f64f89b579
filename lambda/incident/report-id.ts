/**
 * A report's id follows from the trace alone: the same object gives the same id, however often, in whatever order and
 * by whichever of the callers its event comes.
 *
 * The ETag changes with the content (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html); version ids do
 * not take part, because an ad-hoc call knows none and must meet the same report as the S3 event.
 */
import { createHash } from 'node:crypto';

/** Hex digits: 80 bits, no collision in practice among one incident's traces, and still readable in a key. */
const ID_LENGTH = 20;

export function reportId(trace: {
  readonly bucket: string;
  readonly key: string;
  readonly etag: string;
}): string {
  return createHash('sha256')
    .update(JSON.stringify([trace.bucket, trace.key, trace.etag.replaceAll('"', '')]))
    .digest('hex')
    .slice(0, ID_LENGTH);
}

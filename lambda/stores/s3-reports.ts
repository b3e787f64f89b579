/** Reports in S3. The keys follow from the trace (keys.ts), so writing again writes the same. */
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { ReportStore } from '../ports.ts';

export function createReportStore(s3: S3Client, bucket: string): ReportStore {
  return {
    async save({ key, body, contentType }): Promise<void> {
      await s3.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: key,
          Body: Buffer.from(body, 'utf8'),
          ContentType: contentType,
          // Pages hold names of functions: browsers and proxies keep no copy.
          CacheControl: 'private, no-store',
        }),
      );
    },
  };
}

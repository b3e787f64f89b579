/** Traces as nodes put them into S3. */

import { Readable } from 'node:stream';
import { GetObjectCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import * as z from 'zod';
import { BUILD_METADATA, TRACE_CLOCK_METADATA, UNIX_CLOCK_METADATA } from '../../trace/object-metadata.ts';
import { isKeyPart } from '../keys.ts';
import type { StoredTrace, TraceSource } from '../ports.ts';

/** Of S3's answer, what no trace can be analysed without: its size decides whether it is taken, its time is the report's. */
const answer = z.object({
  Body: z.instanceof(Readable),
  ETag: z.string(),
  ContentLength: z.int().min(0),
  LastModified: z.date(),
  Metadata: z.record(z.string(), z.string()).default({}),
});

export function createTraceSource(s3: S3Client): TraceSource {
  return {
    async open({ bucket, key }, signal): Promise<StoredTrace> {
      const object = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }), {
        abortSignal: signal,
      });
      const parsed = answer.safeParse(object);
      if (!parsed.success) {
        const missing = parsed.error.issues.map(({ path }) => path.join('.')).join(', ');
        throw new Error(`S3 answered for s3://${bucket}/${key} without a usable ${missing}`);
      }
      const { Body: body, ETag: etag, Metadata: metadata } = parsed.data;
      return {
        bucket,
        key,
        etag,
        sizeBytes: parsed.data.ContentLength,
        storedAt: parsed.data.LastModified.toISOString(),
        build: readBuild(metadata[BUILD_METADATA]),
        clockOffsetSeconds: readClockOffset(metadata[TRACE_CLOCK_METADATA], metadata[UNIX_CLOCK_METADATA]),
        chunks: body,
        close: () => body.destroy(),
      };
    },

    async list(bucket, prefix): Promise<readonly string[]> {
      const keys: string[] = [];
      for await (const page of paginateListObjectsV2({ client: s3 }, { Bucket: bucket, Prefix: prefix })) {
        for (const { Key: key } of page.Contents ?? []) if (key !== undefined) keys.push(key);
      }
      return keys.sort();
    },
  };
}

/** Metadata comes from a node: what is not a plain name is as good as absent. */
function readBuild(text: string | undefined): string | null {
  return text !== undefined && isKeyPart(text) ? text : null;
}

function readClockOffset(traceNs: string | undefined, unixNs: string | undefined): number | null {
  if (traceNs === undefined || unixNs === undefined) return null;
  if (!/^\d{1,19}$/.test(traceNs) || !/^\d{1,19}$/.test(unixNs)) return null;
  return Number((BigInt(unixNs) - BigInt(traceNs)) / 1000n) / 1e6;
}

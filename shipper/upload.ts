import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { markShipped, type Outgoing, readProgress, type UploadProgress, writeProgress } from './outgoing.ts';

/**
 * Sends a trace to S3 so that an upload which was broken off, by S3, the network or a kill, goes on where it
 * stopped: each part's receipt is written down before the next part is sent. It takes s3:PutObject and nothing else.
 */

/** S3 takes parts of 5 MiB and more, at most 10,000 (docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html). */
export const PART_BYTES = 8 * 1024 * 1024;

/** Connections that do not come about, and requests that hang, are tried again instead of waited for. */
const CONNECT_MILLISECONDS = 5_000;
const REQUEST_MILLISECONDS = 60_000;

/** Waits between tries of a whole upload; each command's own tries (the SDK's) come on top. */
const FIRST_WAIT_MILLISECONDS = 1_000;
const LONGEST_WAIT_MILLISECONDS = 15_000;

/** Answers that will be the same a minute later: no try is worth anything until somebody changes a setting. */
const FINAL_ERRORS = new Set(['AccessDenied', 'NoSuchBucket', 'InvalidAccessKeyId', 'SignatureDoesNotMatch']);

export function s3Client(environment: NodeJS.ProcessEnv): S3Client {
  const endpoint = environment.AWS_ENDPOINT_URL_S3 ?? environment.AWS_ENDPOINT_URL;
  const region = environment.AWS_REGION ?? environment.AWS_SSM_REGION_NAME;
  return new S3Client({
    maxAttempts: 3,
    // SSM Run Command knows the node's region by a name of its own; without either the SDK looks into its files.
    ...(region === undefined ? {} : { region }),
    requestHandler: { connectionTimeout: CONNECT_MILLISECONDS, requestTimeout: REQUEST_MILLISECONDS },
    // An endpoint of one's own rarely resolves bucket.host.
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
  });
}

/** Tries until it is there, an answer is final, or `patienceSeconds` are over; then the last error is thrown. */
export async function uploadPatiently(
  client: S3Client,
  item: Outgoing,
  patienceSeconds: number,
  onRetry: (error: Error, waitSeconds: number) => void,
): Promise<UploadProgress> {
  const started = performance.now();
  let wait = FIRST_WAIT_MILLISECONDS;
  for (;;) {
    try {
      return await upload(client, item);
    } catch (error) {
      const spent = performance.now() - started;
      if (FINAL_ERRORS.has((error as Error).name) || spent + wait > patienceSeconds * 1000) throw error;
      onRetry(error as Error, wait / 1000);
      await new Promise((resolve) => setTimeout(resolve, wait));
      wait = Math.min(LONGEST_WAIT_MILLISECONDS, wait * 2);
    }
  }
}

async function upload(client: S3Client, item: Outgoing): Promise<UploadProgress> {
  const progress = readProgress(item);
  if (progress === null) throw new Error(`${item.directory} holds no upload.json: ship the incident again`);
  const file = await open(join(item.directory, progress.file));
  try {
    const { size } = await file.stat();
    const target = { Bucket: progress.bucket, Key: progress.key };
    if (size <= PART_BYTES) {
      const body = Buffer.alloc(size);
      await file.read(body, 0, size, 0);
      await client.send(new PutObjectCommand({ ...target, Body: body, ...described(progress) }));
    } else {
      await uploadParts(client, item, progress, file, size);
    }
    markShipped(item, { bucket: progress.bucket, key: progress.key, bytes: size }, progress.file);
    return progress;
  } finally {
    await file.close();
  }
}

function described({ contentType, metadata }: Pick<UploadProgress, 'contentType' | 'metadata'>) {
  return { ContentType: contentType, Metadata: metadata };
}

async function uploadParts(
  client: S3Client,
  item: Outgoing,
  begun: UploadProgress,
  file: Awaited<ReturnType<typeof open>>,
  size: number,
): Promise<void> {
  const target = { Bucket: begun.bucket, Key: begun.key };
  let progress = begun;
  if (progress.uploadId === null) {
    const created = await client.send(
      new CreateMultipartUploadCommand({
        ...target,
        ...described(progress),
        ChecksumAlgorithm: 'CRC32',
      }),
    );
    progress = { ...progress, uploadId: created.UploadId ?? null, parts: [] };
    writeProgress(item, progress);
  }
  const UploadId = progress.uploadId!;
  try {
    for (let number = progress.parts.length + 1; (number - 1) * PART_BYTES < size; number++) {
      const start = (number - 1) * PART_BYTES;
      const body = Buffer.alloc(Math.min(PART_BYTES, size - start));
      await file.read(body, 0, body.length, start);
      const sent = await client.send(
        new UploadPartCommand({
          ...target,
          UploadId,
          PartNumber: number,
          Body: body,
          ChecksumAlgorithm: 'CRC32',
        }),
      );
      const part = { number, etag: sent.ETag ?? '', crc32: sent.ChecksumCRC32 ?? null };
      progress = { ...progress, parts: [...progress.parts, part] };
      writeProgress(item, progress);
    }
    await client.send(
      new CompleteMultipartUploadCommand({
        ...target,
        UploadId,
        MultipartUpload: {
          Parts: progress.parts.map(({ number, etag, crc32 }) => ({
            PartNumber: number,
            ETag: etag,
            ...(crc32 === null ? {} : { ChecksumCRC32: crc32 }),
          })),
        },
      }),
    );
  } catch (error) {
    // S3 forgets uploads that a lifecycle rule ends: then the next try begins anew.
    if ((error as Error).name === 'NoSuchUpload') {
      writeProgress(item, { ...progress, uploadId: null, parts: [] });
    }
    throw error;
  }
}

/** Sends a trace that found no room on the disk, straight from its source: nothing to resume, but nothing lost. */
export async function uploadStream(
  client: S3Client,
  target: Pick<UploadProgress, 'bucket' | 'key' | 'contentType' | 'metadata'>,
  source: Readable,
): Promise<void> {
  const upload = new Upload({
    client,
    params: { Bucket: target.bucket, Key: target.key, Body: source, ...described(target) },
    partSize: PART_BYTES,
    queueSize: 1,
  });
  await upload.done();
}

import { open } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { markShipped, type Outgoing, readProgress, type UploadProgress, writeProgress } from './outgoing.ts';
import { type Patience, patiently } from './patience.ts';
import { tryToWrite } from './unwritable.ts';

/**
 * Sends a trace to S3 so that an upload which was broken off, by S3, the network or a kill, goes on where it
 * stopped: each part's receipt is written down before the next part is sent. It takes s3:PutObject and nothing else.
 */

/** S3 takes parts of 5 MiB and more, at most 10,000 (docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html). */
export const PART_BYTES = 8 * 1024 * 1024;

/** Connections that do not come about, and those on which nothing moves, are given up and tried again. */
const CONNECT_MILLISECONDS = 5_000;
export const SILENCE_MILLISECONDS = 20_000;

export function s3Client(environment: NodeJS.ProcessEnv): S3Client {
  const endpoint = environment.AWS_ENDPOINT_URL_S3 ?? environment.AWS_ENDPOINT_URL;
  const region = environment.AWS_REGION ?? environment.AWS_SSM_REGION_NAME;
  return new S3Client({
    maxAttempts: 3,
    // SSM Run Command knows the node's region by a name of its own; without either the SDK looks into its files.
    ...(region === undefined ? {} : { region }),
    // Not requestTimeout, which counts the whole request: over a slow line a part may take a minute. (Nor does it
    // end a request unless told to by throwOnRequestTimeout: it only writes a line about it.)
    requestHandler: { connectionTimeout: CONNECT_MILLISECONDS, socketTimeout: SILENCE_MILLISECONDS },
    // An endpoint of one's own rarely resolves bucket.host.
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
  });
}

/** Where an object goes, and what is said of it. */
export type Destination = Pick<UploadProgress, 'bucket' | 'key' | 'contentType' | 'metadata'>;

export interface Sent {
  readonly bucket: string;
  readonly key: string;
  /** False where the node's disk did not take the note that it was sent: it may be sent once more. */
  readonly isNoted: boolean;
}

/** Sends a trace that is kept on the node, from where an earlier call came to. */
export async function uploadKept(client: S3Client, item: Outgoing, patience: Patience): Promise<Sent> {
  const begun = readProgress(item);
  if (begun === null) throw new Error(`${item.directory} holds no upload.json: ship the incident again`);
  const { bucket, key } = begun;
  const file = await open(join(item.directory, begun.file));
  try {
    const { size } = await file.stat();
    const bodyAt = async (start: number) => {
      const body = Buffer.alloc(Math.min(PART_BYTES, size - start));
      await file.read(body, 0, body.length, start);
      return body;
    };
    if (size <= PART_BYTES) {
      await put(client, begun, await bodyAt(0), patience);
    } else {
      await sendParts(item, begun, size, bodyAt, partSender(client, begun, patience));
    }
    return { bucket, key, isNoted: markShipped(item, { bucket, key, bytes: size }, begun.file) };
  } finally {
    await file.close();
  }
}

async function sendParts(
  item: Outgoing,
  begun: UploadProgress,
  size: number,
  bodyAt: (start: number) => Promise<Buffer>,
  sender: PartSender,
  mayBeginAnew = true,
): Promise<void> {
  let progress = begun;
  const advance = (step: Partial<UploadProgress>) => {
    progress = { ...progress, ...step };
    // A disk that does not take the receipt is no reason to send the part again: the upload goes on without.
    tryToWrite(() => writeProgress(item, progress));
  };
  try {
    const uploadId = progress.uploadId ?? (await sender.begin());
    if (progress.uploadId === null) advance({ uploadId, parts: [] });
    for (let start = progress.parts.length * PART_BYTES; start < size; start += PART_BYTES) {
      const part = await sender.send(uploadId, progress.parts.length + 1, await bodyAt(start));
      advance({ parts: [...progress.parts, part] });
    }
    await sender.complete(uploadId, progress.parts);
  } catch (error) {
    // S3 forgets uploads that a lifecycle rule ends: then it begins anew.
    if ((error as Error).name !== 'NoSuchUpload' || !mayBeginAnew) throw error;
    advance({ uploadId: null, parts: [] });
    await sendParts(item, progress, size, bodyAt, sender, false);
  }
}

/** Sends a trace that found no room on the disk, straight from its source: nothing to resume, but nothing lost. */
export async function uploadStream(
  client: S3Client,
  destination: Destination,
  source: AsyncIterable<Buffer>,
  patience: Patience,
): Promise<void> {
  const sender = partSender(client, destination, patience);
  let uploadId: string | null = null;
  const parts: Part[] = [];
  let pending: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of source) {
    pending.push(chunk);
    bytes += chunk.length;
    if (bytes <= PART_BYTES) continue;
    const body = Buffer.concat(pending);
    uploadId ??= await sender.begin();
    parts.push(await sender.send(uploadId, parts.length + 1, body.subarray(0, PART_BYTES)));
    pending = [body.subarray(PART_BYTES)];
    bytes -= PART_BYTES;
  }
  const rest = Buffer.concat(pending);
  if (uploadId === null) return put(client, destination, rest, patience);
  parts.push(await sender.send(uploadId, parts.length + 1, rest));
  await sender.complete(uploadId, parts);
}

async function put(client: S3Client, to: Destination, body: Buffer, patience: Patience): Promise<void> {
  const command = new PutObjectCommand({ Bucket: to.bucket, Key: to.key, Body: body, ...described(to) });
  await patiently(patience, (abortSignal) => client.send(command, { abortSignal }));
}

function described({ contentType, metadata }: Destination) {
  return { ContentType: contentType, Metadata: metadata };
}

type Part = UploadProgress['parts'][number];

/** The three steps of a multipart upload, each with the patience of its own. */
interface PartSender {
  readonly begin: () => Promise<string>;
  readonly send: (uploadId: string, number: number, body: Buffer) => Promise<Part>;
  readonly complete: (uploadId: string, parts: readonly Part[]) => Promise<void>;
}

function partSender(client: S3Client, to: Destination, patience: Patience): PartSender {
  const object = { Bucket: to.bucket, Key: to.key };
  const checksum = { ChecksumAlgorithm: 'CRC32' } as const;
  return {
    async begin() {
      const command = new CreateMultipartUploadCommand({ ...object, ...described(to), ...checksum });
      const { UploadId } = await patiently(patience, (abortSignal) => client.send(command, { abortSignal }));
      if (UploadId === undefined) throw new Error('S3 began a multipart upload without an id');
      return UploadId;
    },
    async send(UploadId, number, Body) {
      const command = new UploadPartCommand({ ...object, UploadId, PartNumber: number, Body, ...checksum });
      const sent = await patiently(patience, (abortSignal) => client.send(command, { abortSignal }));
      return { number, etag: sent.ETag ?? '', crc32: sent.ChecksumCRC32 ?? null };
    },
    async complete(UploadId, parts) {
      const Parts = parts.map(({ number, etag, crc32 }) => ({
        PartNumber: number,
        ETag: etag,
        ...(crc32 === null ? {} : { ChecksumCRC32: crc32 }),
      }));
      const command = new CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload: { Parts } });
      await patiently(patience, (abortSignal) => client.send(command, { abortSignal }));
    },
  };
}

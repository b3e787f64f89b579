import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Directories } from './armed.ts';
import type { Compression } from './compress.ts';
import type { CutFile } from './cut.ts';
import { ShipperError } from './errors.ts';
import { lock, tryLock } from './lock.ts';
import {
  hasTrace,
  listOutgoing,
  markShipped,
  type Outgoing,
  readProgress,
  readShipped,
  writeProgress,
} from './outgoing.ts';
import { isFinal, type Patience } from './patience.ts';
import { type Destination, type Sent, uploadKept, uploadStream } from './upload.ts';

/** Brings traces to S3: those that are kept on the node, and those that it has no room to keep. */
export interface Sending {
  readonly client: () => S3Client;
  readonly patienceSeconds: number;
  readonly report: (line: string) => void;
}

/** How what is kept is sent. */
export interface PendingOptions {
  /** Where it goes instead of the bucket that it was cut for. */
  readonly bucket?: string | undefined;
  /** Ends it. */
  readonly signal?: AbortSignal;
  /** False: traces that somebody else sends just now are left to him. */
  readonly waits?: boolean;
}

/** Sends what earlier calls had to keep; returns how many are still here. */
export async function shipPending(
  directories: Directories,
  client: () => S3Client,
  patienceSeconds: number,
  report: (line: string) => void,
  { bucket, signal, waits = true }: PendingOptions = {},
): Promise<number> {
  let kept = 0;
  const patience = { seconds: patienceSeconds, onRetry: () => {}, ...(signal && { signal }) };
  for (const item of listOutgoing(directories)) {
    if (signal?.aborted) break;
    if (readShipped(item) !== null || !hasTrace(item)) continue;
    const name = `incident/${item.service}/${item.incident}`;
    const held = waits ? await lock(name, { report }) : await tryLock(name);
    if (held === null) continue;
    try {
      if (readShipped(item) !== null || !hasTrace(item)) continue;
      if (bucket) redirect(item, bucket);
      const sent = await uploadKept(client(), item, patience);
      report(`sent ${item.incident}, kept until now, to s3://${sent.bucket}/${sent.key}`);
    } catch (error) {
      kept++;
      report(`still kept: ${item.directory} (${(error as Error).message}${advice(error)})`);
    } finally {
      held.release();
    }
  }
  return kept;
}

function patienceOf(sending: Sending): Patience {
  return {
    seconds: sending.patienceSeconds,
    onRetry: (error, waitSeconds) =>
      sending.report(`S3: ${error.name}: ${error.message}; next try in ${waitSeconds} s`),
  };
}

/** @param bucket where it goes instead of the bucket that it was cut for, or null */
export async function sendKept(sending: Sending, item: Outgoing, bucket: string | null): Promise<Sent> {
  try {
    if (bucket) redirect(item, bucket);
    const sent = await uploadKept(sending.client(), item, patienceOf(sending));
    if (!sent.isNoted) sending.report(UNNOTED);
    return sent;
  } catch (error) {
    throw new ShipperError(
      `${unsent(error)}. It is kept in ${item.directory} and goes with the next «perfscope ship --pending», or by itself where «perfscope record --watch» runs${advice(error)}`,
      { cause: error },
    );
  }
}

/** Compresses and sends a trace that the node has no room to keep. */
export async function sendStraight(
  sending: Sending,
  item: Outgoing,
  chunks: CutFile['chunks'],
  packed: Compression,
  destination: Destination,
): Promise<Sent> {
  const { bucket, key } = destination;
  try {
    await pipeline(Readable.from(chunks()), packed.stream(), (compressed: AsyncIterable<Buffer>) =>
      uploadStream(sending.client(), destination, compressed, patienceOf(sending)),
    );
  } catch (error) {
    throw new ShipperError(
      `${unsent(error)}, and the disk has no room to keep it. What it was cut from stays for some minutes: make room, or see to S3, and ship the same incident again${advice(error)}`,
      { cause: error },
    );
  }
  const isNoted = markShipped(item, { bucket, key, bytes: 0 }, null);
  if (!isNoted) sending.report(UNNOTED);
  return { bucket, key, isNoted };
}

/** A kept trace goes to another bucket than it was cut for; what S3 has of it, it has in the former. */
function redirect(item: Outgoing, bucket: string): void {
  const progress = readProgress(item);
  if (progress === null || progress.bucket === bucket) return;
  writeProgress(item, { ...progress, bucket, uploadId: null, parts: [] });
}

const UNNOTED = 'it was sent, but the disk did not take the note: asked again, it is sent again';

function unsent(error: unknown): string {
  return `could not send the trace to S3: ${(error as Error).name}: ${(error as Error).message}`;
}

/** What a setting refuses, a setting may allow. */
function advice(error: unknown): string {
  return isFinal(error) ? '; where the bucket is the wrong one, add --bucket NAME' : '';
}

import { createWriteStream, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import { BUILD_METADATA, TRACE_CLOCK_METADATA, UNIX_CLOCK_METADATA } from '../trace/object-metadata.ts';
import { type Armed, type Directories, requireArmed, withThreads, writeArmed } from './armed.ts';
import { readClockPair, type WantedWindow, windowBefore } from './clock.ts';
import { type Compression, compression } from './compress.ts';
import { ShipperError } from './errors.ts';
import { lock } from './lock.ts';
import { checkedName, shippingNode, traceKey } from './names.ts';
import {
  forgetShipped,
  listOutgoing,
  markShipped,
  type Outgoing,
  outgoing,
  readProgress,
  readShipped,
  type UploadProgress,
  writeProgress,
} from './outgoing.ts';
import { isDiskFull } from './ring/drained-pages.ts';
import { cutStraceFiles } from './strace/cut-files.ts';
import { targetProcesses, threadTable } from './target.ts';
import { cutRing } from './tracefs/cut-ring.ts';
import { uploadPatiently, uploadStream } from './upload.ts';

export interface ShipOptions {
  readonly directories: Directories;
  readonly service: string | undefined;
  readonly incident: string;
  /** Time of day of the alarm (ISO 8601), or null for now. */
  readonly at: string | null;
  readonly windowSeconds: number;
  /** Null: the one that `record` was given. */
  readonly bucket: string | null;
  readonly patienceSeconds: number;
  /** Where SSM says which instance this is. */
  readonly environment: NodeJS.ProcessEnv;
  readonly client: () => S3Client;
  readonly report: (line: string) => void;
}

export interface ShipResult {
  readonly key: string;
  readonly bucket: string;
  /** False where this incident had been shipped before. */
  readonly isNew: boolean;
  readonly warnings: readonly string[];
}

/** A trace as it leaves a recorder: what it is called, and its bytes, which may be asked for again. */
export interface CutFile {
  readonly file: string;
  readonly chunks: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  readonly warnings: readonly string[];
  /** The same moment by the trace's own clock and by the time of day. */
  readonly clock: { readonly traceSeconds: number; readonly realtimeSeconds: number };
}

/** Cuts the window before the alarm out of the recording and brings it to S3. */
export async function ship(options: ShipOptions): Promise<ShipResult> {
  const { directories, report } = options;
  const found = requireArmed(directories, options.service);
  const armed = { ...found, node: shippingNode(found.node, options.environment) };
  const incident = checkedName('an incident (--incident)', options.incident);
  const bucket = options.bucket ?? armed.bucket;
  if (bucket === null) {
    throw new ShipperError(
      'expected the bucket for traces, found none: name it by --bucket, here or at «perfscope record», or by PERFSCOPE_BUCKET',
    );
  }
  forgetShipped(directories, Date.now());
  const item = outgoing(directories, armed.service, incident);
  // The same alarm may ask twice (its action is retried): the second waits, and finds the work done.
  const held = await lock(`incident/${armed.service}/${incident}`, options);
  try {
    const shipped = readShipped(item);
    if (shipped !== null) return { ...shipped, isNew: false, warnings: [] };
    const packed = compression();
    let warnings: readonly string[] = [];
    if (!hasTrace(item)) {
      const cut = await cutWindow(options, armed, incident);
      warnings = cut.warnings;
      const file = `${cut.file}.${packed.extension}`;
      const key = traceKey(armed.service, incident, armed.node, file);
      const { contentType } = packed;
      const target = { bucket, key, contentType, metadata: objectMetadata(armed.build, cut.clock) };
      if (!(await keepLocally(item, cut, packed, { ...target, file, uploadId: null, parts: [] }))) {
        report('the disk is full: sending straight from the recording');
        await uploadStream(options.client(), target, Readable.from(cut.chunks()).pipe(packed.stream()));
        markShippedIfPossible(item, bucket, key);
        return { bucket, key, isNew: true, warnings };
      }
    }
    const { key, bucket: usedBucket } = await send(options, item);
    return { bucket: usedBucket, key, isNew: true, warnings };
  } finally {
    held.release();
  }
}

function objectMetadata(build: string | null, clock: CutFile['clock']): Record<string, string> {
  const nanoseconds = (seconds: number) =>
    BigInt(Math.round(seconds * 1e6))
      .toString()
      .concat('000');
  return {
    ...(build === null ? {} : { [BUILD_METADATA]: build }),
    [TRACE_CLOCK_METADATA]: nanoseconds(clock.traceSeconds),
    [UNIX_CLOCK_METADATA]: nanoseconds(clock.realtimeSeconds),
  };
}

/** Sends what earlier calls had to keep; returns how many are still here. */
export async function shipPending(
  directories: Directories,
  client: () => S3Client,
  patienceSeconds: number,
  report: (line: string) => void,
): Promise<number> {
  let kept = 0;
  for (const item of listOutgoing(directories)) {
    if (readShipped(item) !== null || !hasTrace(item)) continue;
    const held = await lock(`incident/${item.service}/${item.incident}`, { report });
    try {
      if (readShipped(item) !== null) continue;
      const { key, bucket } = await uploadPatiently(client(), item, patienceSeconds, () => {});
      report(`sent ${item.incident}, kept until now, to s3://${bucket}/${key}`);
    } catch (error) {
      kept++;
      report(`still kept: ${item.directory} (${(error as Error).message})`);
    } finally {
      held.release();
    }
  }
  return kept;
}

async function send(options: ShipOptions, item: Outgoing): Promise<{ bucket: string; key: string }> {
  try {
    return await uploadPatiently(options.client(), item, options.patienceSeconds, (error, waitSeconds) =>
      options.report(`S3: ${error.name}: ${error.message}; next try in ${waitSeconds} s`),
    );
  } catch (error) {
    throw new ShipperError(
      `could not send the trace to S3: ${(error as Error).name}: ${(error as Error).message}. It is kept in ${item.directory} and goes with the next «perfscope ship --pending», or by itself where «perfscope record --watch» runs.`,
      { cause: error },
    );
  }
}

function hasTrace(item: Outgoing): boolean {
  const progress = readProgress(item);
  return progress !== null && existsSync(join(item.directory, progress.file));
}

async function cutWindow(options: ShipOptions, armed: Armed, incident: string): Promise<CutFile> {
  // Only one process at a time takes pages out of the ring.
  const held = await lock(`service/${armed.service}`, options);
  try {
    const clock = readClockPair();
    const window = windowBefore(alarmSeconds(options.at), options.windowSeconds, clock, armed.clockOffsets);
    const known = withThreads(armed, threadTable(targetProcesses(armed.target)));
    tryToWrite(() => writeArmed(options.directories, known));
    const request: CutRequest = {
      directories: options.directories,
      armed: known,
      incident,
      alarmAt: options.at,
      requestedSeconds: options.windowSeconds,
      clock,
      window,
    };
    return armed.recorder === 'tracefs' ? cutRing(request) : cutStraceFiles(request);
  } finally {
    held.release();
  }
}

/** What a recorder is asked for. */
export interface CutRequest {
  readonly directories: Directories;
  readonly armed: Armed;
  readonly incident: string;
  readonly alarmAt: string | null;
  readonly requestedSeconds: number;
  readonly clock: ReturnType<typeof readClockPair>;
  readonly window: WantedWindow;
}

/** Accepts what CloudWatch writes (`2026-11-23T03:15:42.490+0000`) and what `date -Is` does. */
export function alarmSeconds(at: string | null): number | null {
  if (at === null) return null;
  const milliseconds = Date.parse(at.replace(/([+-]\d\d)(\d\d)$/, '$1:$2'));
  if (Number.isNaN(milliseconds)) {
    throw new ShipperError(
      `expected a time such as 2026-11-23T03:15:42Z for --at, found ${JSON.stringify(at)}`,
    );
  }
  return milliseconds / 1000;
}

/** Writes the compressed trace into the spool; false where the disk has no room for it. */
async function keepLocally(
  item: Outgoing,
  cut: CutFile,
  packed: Compression,
  progress: UploadProgress,
): Promise<boolean> {
  const part = join(item.directory, `${progress.file}.part`);
  try {
    mkdirSync(item.directory, { recursive: true, mode: 0o700 });
    await pipeline(
      Readable.from(cut.chunks()),
      packed.stream(),
      createWriteStream(part, { mode: 0o600, flush: true }),
    );
    writeProgress(item, progress);
    // Only a whole trace carries the name that others look for.
    renameSync(part, join(item.directory, progress.file));
    return true;
  } catch (error) {
    rmSync(part, { force: true });
    if (isDiskFull(error)) return false;
    throw error;
  }
}

function markShippedIfPossible(item: Outgoing, bucket: string, key: string): void {
  tryToWrite(() => markShipped(item, { bucket, key, bytes: 0 }, null));
}

/** For what is good to have written down, but no reason to fail on a full disk. */
function tryToWrite(write: () => void): void {
  try {
    write();
  } catch (error) {
    if (!isDiskFull(error)) throw error;
  }
}

import { BUILD_METADATA, TRACE_CLOCK_METADATA, UNIX_CLOCK_METADATA } from '../trace/object-metadata.ts';
import type { RecordedThread } from '../trace/recording.ts';
import { alarmSeconds } from './alarm-time.ts';
import { type Armed, type Directories, requireArmed, withThreads, writeArmed } from './armed.ts';
import { readClockPair, windowBefore } from './clock.ts';
import { compression } from './compress.ts';
import type { CutFile, CutRequest } from './cut.ts';
import { ShipperError } from './errors.ts';
import { keepTrace } from './keep-trace.ts';
import { lock, type Waiting } from './lock.ts';
import { checkedName, shippingNode, traceKey } from './names.ts';
import { hasTrace, outgoing, readShipped } from './outgoing.ts';
import { type Sending, sendKept, sendStraight } from './send-trace.ts';
import { cutStraceFiles } from './strace/cut-files.ts';
import { type Target, targetProcesses, threadTable } from './target.ts';
import { forgetOldestTraces, tidyOutgoing } from './tidy-outgoing.ts';
import { cutRing } from './tracefs/cut-ring.ts';
import { tryToWrite } from './unwritable.ts';
import type { Destination } from './upload.ts';

export interface ShipOptions extends Sending {
  readonly directories: Directories;
  readonly service: string | undefined;
  readonly incident: string;
  /** Time of day of the alarm (ISO 8601), or null for now. */
  readonly at: string | null;
  readonly windowSeconds: number;
  /** Goes before the one that `record` was given, and before PERFSCOPE_BUCKET. */
  readonly bucket: string | null;
  /** Cuts and sends the incident once more, although it was shipped. */
  readonly again: boolean;
  /** Where SSM says which instance this is, and PERFSCOPE_BUCKET may stand. */
  readonly environment: NodeJS.ProcessEnv;
}

export interface ShipResult {
  readonly key: string;
  readonly bucket: string;
  /** False where this incident had been shipped before. */
  readonly isNew: boolean;
  readonly warnings: readonly string[];
}

/** Cuts the window before the alarm out of the recording and brings it to S3. */
export async function ship(options: ShipOptions): Promise<ShipResult> {
  const { directories, report } = options;
  const found = requireArmed(directories, options.service);
  const armed = { ...found, node: shippingNode(found.node, options.environment) };
  const incident = checkedName('an incident (--incident)', options.incident);
  // An empty name is what a line such as PERFSCOPE_BUCKET= leaves: none.
  const bucket = options.bucket || armed.bucket || options.environment.PERFSCOPE_BUCKET;
  if (!bucket) {
    throw new ShipperError(
      'expected the bucket for traces, found none: name it by --bucket, here or at «perfscope record», or by PERFSCOPE_BUCKET',
    );
  }
  await tidyOutgoing(directories, Date.now());
  const item = outgoing(directories, armed.service, incident);
  // The same alarm may ask twice (its action is retried): the second waits, and finds the work done.
  const held = await lock(`incident/${armed.service}/${incident}`, waiting(options));
  try {
    const shipped = readShipped(item);
    if (shipped !== null && !options.again) return { ...shipped, isNew: false, warnings: [] };
    if (hasTrace(item) && !options.again) {
      return { ...(await sendKept(options, item, options.bucket)), isNew: true, warnings: [] };
    }
    const packed = compression();
    const cut = await cutWindow(options, armed, incident);
    const file = `${cut.file}.${packed.extension}`;
    const destination: Destination = {
      bucket,
      key: traceKey(armed.service, incident, armed.node, file),
      contentType: packed.contentType,
      metadata: objectMetadata(armed.build, cut.clock),
    };
    const why = await keepTrace(item, cut, packed, { ...destination, file, uploadId: null, parts: [] });
    if (why !== null) {
      report(`${why}: sending straight from the recording`);
      const sent = await sendStraight(options, item, cut.chunks, packed, destination);
      return { ...sent, isNew: true, warnings: cut.warnings };
    }
    for (const gone of await forgetOldestTraces(directories, item, armed.capBytes)) {
      report(`removed ${gone}, the oldest of the traces that S3 did not take: they took more than the ring`);
    }
    return { ...(await sendKept(options, item, null)), isNew: true, warnings: cut.warnings };
  } finally {
    held.release();
  }
}

/** Longer than any drain takes. */
const LEAST_WAIT_SECONDS = 60;

/** Another shipment is waited for as long as S3 is, and long enough where S3 is asked only once. */
function waiting({ report, patienceSeconds }: Sending): Waiting {
  return { report, patienceSeconds: Math.max(LEAST_WAIT_SECONDS, patienceSeconds) };
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

async function cutWindow(options: ShipOptions, armed: Armed, incident: string): Promise<CutFile> {
  const alarmAt = options.at === null ? null : alarmSeconds(options.at);
  // Only one process at a time takes pages out of the ring.
  const held = await lock(`service/${armed.service}`, waiting(options));
  try {
    const clock = readClockPair();
    const wanted = windowBefore(alarmAt, options.windowSeconds, clock, armed.clockOffsets);
    const { threads, warnings } = threadsNow(armed.target);
    const known = withThreads(armed, threads);
    tryToWrite(() => writeArmed(options.directories, known));
    const request: CutRequest = {
      directories: options.directories,
      armed: known,
      incident,
      alarmAt: options.at,
      requestedSeconds: options.windowSeconds,
      clock,
      window: { ...wanted, warnings: [...wanted.warnings, ...warnings] },
    };
    return armed.recorder === 'tracefs' ? cutRing(request) : cutStraceFiles(request);
  } finally {
    held.release();
  }
}

/** A service that crashed has no unit, control group or process any more, and is asked about all the more. */
function threadsNow(target: Target): { threads: RecordedThread[]; warnings: string[] } {
  const named = 'its threads are named as far as they were seen while it ran';
  try {
    const pids = targetProcesses(target);
    const isGone = pids.length === 0;
    return {
      threads: threadTable(pids),
      warnings: isGone ? [`no process of the service runs any more: ${named}`] : [],
    };
  } catch (error) {
    return {
      threads: [],
      warnings: [`the service was not found (${(error as Error).message}): ${named}`],
    };
  }
}

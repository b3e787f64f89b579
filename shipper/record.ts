import { rmSync } from 'node:fs';
import { totalmem } from 'node:os';
import {
  type Armed,
  type Directories,
  forgetArmed,
  hasNote,
  listArmed,
  readArmed,
  withThreads,
  writeArmed,
} from './armed.ts';
import { clockOffset, readClockPair } from './clock.ts';
import { ShipperError } from './errors.ts';
import { type Lock, lock, tryLock } from './lock.ts';
import { pause } from './pause.ts';
import { fitRing, sampleRing } from './ring-depth.ts';
import { defaultCapBytes, firstKilobytes, type RingSize } from './ring-size.ts';
import { endStaying } from './staying.ts';
import { straceDirectory } from './strace/trace-files.ts';
import { describeTarget, type Target, targetHint, targetProcesses, threadTable } from './target.ts';
import { armRing, disarmRing, followProcesses, isArmed } from './tracefs/arm-ring.ts';
import { onlineCpus } from './tracefs/online-cpus.ts';
import { drainMarker, pageDirectories } from './tracefs/page-directories.ts';
import {
  instancePath,
  listInstances,
  lookForTracefs,
  requireTracefs,
  ringCpus,
  writeKnob,
} from './tracefs/tracefs.ts';

export interface RecordOptions {
  readonly directories: Directories;
  readonly service: string;
  readonly build: string | null;
  readonly node: string;
  readonly bucket: string | null;
  readonly target: Target;
  /** Null: a share of the machine's memory. */
  readonly capBytes: number | null;
  readonly depthSeconds: number;
  /** How long the rate is measured before the ring gets its size. */
  readonly measureSeconds: number;
  readonly contextSwitches: boolean;
}

export type Arming =
  | {
      readonly kind: 'armed';
      readonly armed: Armed;
      readonly size: RingSize;
      /** Why the kernel did not give the ring its size; null where it did. */
      readonly refusal: string | null;
    }
  | { readonly kind: 'continued'; readonly armed: Armed; readonly processes: number }
  /** The signal came while the rate was measured: all is taken back. */
  | { readonly kind: 'interrupted' };

/**
 * Arms the ring of a service; after this, the kernel records and nothing of ours runs. One that is armed already goes
 * on: it takes up the processes that the service has now, and what the options say now.
 */
export async function recordRing(options: RecordOptions, signal: AbortSignal): Promise<Arming> {
  const { service, target } = options;
  const tracefs = requireTracefs();
  const held = await ownLock(service);
  try {
    const pids = targetProcesses(target);
    if (pids.length === 0) {
      throw new ShipperError(
        `expected ${describeTarget(target)} to run, but no process of it was found: start it first, or let «perfscope record --watch» wait for it; ${targetHint(target)}`,
      );
    }
    const note = readArmed(options.directories, service);
    if (note?.recorder === 'strace') {
      throw new ShipperError(
        `${service} is or was recorded with strace, and that can still be shipped: «perfscope disarm --service ${service}» first`,
      );
    }
    return note !== null && isArmed(tracefs, service)
      ? goOn(tracefs, note, options, pids)
      : await armAnew(tracefs, options, pids, signal);
  } finally {
    held.release();
  }
}

async function armAnew(
  tracefs: string,
  options: RecordOptions,
  pids: readonly number[],
  signal: AbortSignal,
): Promise<Arming> {
  const { directories, service, depthSeconds } = options;
  const capBytes = options.capBytes ?? defaultCapBytes(totalmem());
  const clock = readClockPair();
  armRing(tracefs, service, pids, {
    kilobytesPerCpu: firstKilobytes(onlineCpus()?.size ?? ringCpus(tracefs).length, capBytes),
    contextSwitches: options.contextSwitches,
  });
  try {
    // Pages of an earlier recording: after a reboot, their times mean other moments.
    forgetPages(directories, service);
    const instance = instancePath(tracefs, service);
    const before = sampleRing(instance);
    if (!(await pause(options.measureSeconds, signal))) {
      await disarmRing(tracefs, service);
      return { kind: 'interrupted' };
    }
    const { refusal, ...size } = fitRing(instance, before, sampleRing(instance), depthSeconds, capBytes);
    const armed: Armed = {
      schema: 'perfscope.armed/1',
      service,
      build: options.build,
      node: options.node,
      bucket: options.bucket,
      recorder: 'tracefs',
      target: options.target,
      armedAtSeconds: clock.monotonicSeconds,
      depthSeconds,
      capBytes,
      clockOffsets: [clockOffset(clock)],
      threads: threadTable(pids),
    };
    writeArmed(directories, armed);
    return { kind: 'armed', armed, size, refusal };
  } catch (error) {
    await disarmRing(tracefs, service);
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new ShipperError(
      `could not write what belongs to the recording of ${service}, so it is not armed: ${message}; make room, or choose other directories (--spool, --state)`,
      { cause: error },
    );
  }
}

function goOn(tracefs: string, note: Armed, options: RecordOptions, pids: readonly number[]): Arming {
  const { service, target } = options;
  // A restarted process has another id; all else names the same service as before.
  const isSame = describeTarget(target) === describeTarget(note.target);
  if (!isSame && !(target.kind === 'pid' && note.target.kind === 'pid')) {
    throw new ShipperError(
      `${service} is already armed for ${describeTarget(note.target)}, asked for is ${describeTarget(target)}: «perfscope disarm --service ${service}» first`,
    );
  }
  const instance = instancePath(tracefs, service);
  followProcesses(instance, pids);
  if (options.contextSwitches) writeKnob(instance, 'events/sched/sched_switch/enable', 1);
  const armed = withThreads(
    {
      ...note,
      build: options.build ?? note.build,
      node: options.node,
      bucket: options.bucket ?? note.bucket,
      target,
      depthSeconds: options.depthSeconds,
      capBytes: options.capBytes ?? note.capBytes,
    },
    threadTable(pids),
  );
  writeArmed(options.directories, armed);
  return { kind: 'continued', armed, processes: pids.length };
}

async function ownLock(service: string): Promise<Lock> {
  const held = await tryLock(`service/${service}`);
  if (held !== null) return held;
  throw new ShipperError(
    `another perfscope process works on ${service} just now: wait for it, or see «ps -C perfscope,node»`,
  );
}

/** A shipment reads the ring for some seconds; longer than this, somebody must look. */
const SHIPMENT_SECONDS = 60;

/**
 * Takes back everything that was armed for a service, also what a crash left half done, and ends whoever still
 * records or watches it. Traces that are not yet in S3 stay. Returns false where nothing was armed.
 */
export async function disarm(
  directories: Directories,
  service: string,
  report: (line: string) => void,
): Promise<boolean> {
  const staying = await endStaying(service, report);
  try {
    return await takeBack(directories, service, report);
  } finally {
    staying.release();
  }
}

/** `disarm` for whoever stays with the recording: everything else than its own process. */
export async function takeBack(
  directories: Directories,
  service: string,
  report: (line: string) => void,
): Promise<boolean> {
  const held = await lock(`service/${service}`, { report, patienceSeconds: SHIPMENT_SECONDS });
  try {
    const tracefs = lookForTracefs();
    const noted = hasNote(directories, service);
    // Who may not look into tracefs may have recorded with strace all the same.
    if (tracefs.kind === 'forbidden' && readArmed(directories, service)?.recorder !== 'strace')
      requireTracefs();
    let hadRing = false;
    const problems: string[] = [];
    const steps = [
      async () => {
        hadRing = tracefs.kind === 'found' && (await disarmRing(tracefs.root, service));
      },
      () => forgetPages(directories, service),
      () => rmSync(straceDirectory(directories, service), { recursive: true, force: true }),
      () => forgetArmed(directories, service),
    ];
    // Each for itself: a disk that takes nothing must not keep the ring armed.
    for (const step of steps) {
      try {
        await step();
      } catch (error) {
        problems.push((error as Error).message);
      }
    }
    if (problems.length > 0)
      throw new ShipperError(`could not take back all of ${service}: ${problems.join('; ')}`);
    return hadRing || noted;
  } finally {
    held.release();
  }
}

function forgetPages(directories: Directories, service: string): void {
  for (const directory of pageDirectories(directories, service))
    rmSync(directory, { recursive: true, force: true });
  rmSync(drainMarker(directories, service), { force: true });
}

/** Services with anything armed, written down or left by a crash. */
export function armedServices(directories: Directories): string[] {
  const tracefs = lookForTracefs();
  const noted = listArmed(directories);
  if (tracefs.kind === 'forbidden' && noted.length === 0) requireTracefs();
  const instances = tracefs.kind === 'found' ? listInstances(tracefs.root) : [];
  return [...new Set([...noted, ...instances])].sort();
}

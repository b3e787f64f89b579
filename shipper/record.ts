import { rmSync } from 'node:fs';
import { totalmem } from 'node:os';
import { type Armed, type Directories, forgetArmed, listArmed, readArmed, writeArmed } from './armed.ts';
import { clockOffset, readClockPair } from './clock.ts';
import { ShipperError } from './errors.ts';
import { type Lock, tryLock } from './lock.ts';
import { fitRing, sampleRing } from './ring-depth.ts';
import { defaultCapBytes, type RingSize } from './ring-size.ts';
import { straceDirectory } from './strace/trace-files.ts';
import { describeTarget, type Target, targetProcesses, threadTable } from './target.ts';
import { armRing, disarmRing } from './tracefs/arm-ring.ts';
import { drainMarker, pageDirectories } from './tracefs/page-directories.ts';
import { findTracefs, instancePath, listInstances, requireTracefs } from './tracefs/tracefs.ts';

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

/** Per CPU, while the rate is not yet known. */
const FIRST_KILOBYTES = 4_096;

/** Arms the ring of a service; after this, the kernel records and nothing of ours runs. */
export async function recordRing(options: RecordOptions): Promise<{ armed: Armed; size: RingSize }> {
  const { directories, service, target } = options;
  const tracefs = requireTracefs();
  const held = await ownLock(service);
  try {
    const pids = targetProcesses(target);
    if (pids.length === 0) {
      throw new ShipperError(
        `expected ${describeTarget(target)} to run, but no process of it was found: start it first, or let «perfscope record --watch» wait for it`,
      );
    }
    const capBytes = options.capBytes ?? defaultCapBytes(totalmem());
    const clock = readClockPair();
    armRing(tracefs, service, pids, {
      kilobytesPerCpu: FIRST_KILOBYTES,
      contextSwitches: options.contextSwitches,
    });
    try {
      const instance = instancePath(tracefs, service);
      const before = sampleRing(instance);
      await new Promise((resolve) => setTimeout(resolve, options.measureSeconds * 1000));
      const size = fitRing(instance, before, sampleRing(instance), options.depthSeconds, capBytes);
      const armed: Armed = {
        schema: 'perfscope.armed/1',
        service,
        build: options.build,
        node: options.node,
        bucket: options.bucket,
        recorder: 'tracefs',
        target,
        armedAtSeconds: clock.monotonicSeconds,
        depthSeconds: options.depthSeconds,
        capBytes,
        clockOffsets: [clockOffset(clock)],
        threads: threadTable(pids),
      };
      writeArmed(directories, armed);
      return { armed, size };
    } catch (error) {
      await disarmRing(tracefs, service);
      throw error;
    }
  } finally {
    held.release();
  }
}

async function ownLock(service: string): Promise<Lock> {
  const held = await tryLock(`service/${service}`);
  if (held !== null) return held;
  throw new ShipperError(
    `another perfscope process works on ${service} just now: wait for it, or see «ps -C perfscope,node»`,
  );
}

/**
 * Takes back everything that was armed for a service, also what a crash left half done. Traces that are not yet
 * in S3 stay. Returns false where nothing was armed.
 */
export async function disarm(directories: Directories, service: string): Promise<boolean> {
  const held = await ownLock(service);
  try {
    const armed = readArmed(directories, service);
    const tracefs = findTracefs();
    const hadRing = tracefs !== null && (await disarmRing(tracefs, service));
    const recorded = [...pageDirectories(directories, service), straceDirectory(directories, service)];
    for (const directory of recorded) rmSync(directory, { recursive: true, force: true });
    rmSync(drainMarker(directories, service), { force: true });
    forgetArmed(directories, service);
    return hadRing || armed !== null;
  } finally {
    held.release();
  }
}

/** Services with anything armed, written down or left by a crash. */
export function armedServices(directories: Directories): string[] {
  const tracefs = findTracefs();
  const instances = tracefs === null ? [] : listInstances(tracefs);
  return [...new Set([...listArmed(directories), ...instances])].sort();
}

import { type Armed, type Directories, readArmed, withOffset, withThreads, writeArmed } from './armed.ts';
import { roughClockOffset, STEP_SECONDS } from './clock.ts';
import { ShipperError } from './errors.ts';
import { tryLock } from './lock.ts';
import { listOutgoing, readShipped } from './outgoing.ts';
import { disarm, type RecordOptions, recordRing } from './record.ts';
import { bytesPerSecond, heldSeconds, type RingSample, sampleRing } from './ring-depth.ts';
import { ringSize } from './ring-size.ts';
import { type Target, targetProcesses, threadTable } from './target.ts';
import { followProcesses, isArmed, resizeRing } from './tracefs/arm-ring.ts';
import { instancePath, requireTracefs } from './tracefs/tracefs.ts';

/**
 * The small process that may stay: it takes up restarts of the service, follows its load with the ring's size,
 * remembers the clock, and sends what S3 did not take. The recording does not need it.
 */
export interface WatchOptions {
  readonly directories: Directories;
  readonly service: string;
  readonly report: (line: string) => void;
}

/** Between looks at the service's processes. */
const LOOK_SECONDS = 1;
/** Between looks at the ring's depth, in looks. */
const LOOKS_PER_SIZING = 30;
/** Between tries to send what was kept, in looks. */
const LOOKS_PER_SENDING = 60;
/** A ring is made larger when it holds less than this share of the wanted depth; never smaller. */
const SHALLOW = 0.9;
/** Growing stops recording for a moment: not for less than this. */
const LEAST_GROWTH = 1.3;

/** Waits for the service where it does not run yet, arms it, and stays until the signal; then takes it back. */
export async function armAndWatch(
  recording: RecordOptions,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { directories, service } = recording;
  while (!signal.aborted && runningProcesses(recording.target).length === 0)
    await pause(LOOK_SECONDS, signal);
  if (signal.aborted) return;
  if (isArmed(requireTracefs(), service) && readArmed(directories, service) !== null) {
    report(`${service}: still armed from before; going on with it`);
  } else {
    await disarm(directories, service); // what a crash left half done
    const { size } = await recordRing(recording);
    report(`${service}: armed; the ring holds about ${Math.min(size.depthSeconds, 86_400).toFixed(0)} s`);
  }
  await watch({ directories, service, report }, signal);
  await disarm(directories, service);
}

/** A unit or control group that is not there yet is one without processes. */
function runningProcesses(target: Target): number[] {
  try {
    return targetProcesses(target);
  } catch (error) {
    if (error instanceof ShipperError) return [];
    throw error;
  }
}

export async function watch(options: WatchOptions, signal: AbortSignal): Promise<void> {
  const { directories, service, report } = options;
  const tracefs = requireTracefs();
  const instance = instancePath(tracefs, service);
  let sample = sampleRing(instance);
  let lastPids = [...new Set(readArmed(directories, service)?.threads.map(({ tgid }) => tgid))].join(' ');
  for (let look = 1; !signal.aborted; look++) {
    await pause(LOOK_SECONDS, signal);
    const armed = readArmed(directories, service);
    if (signal.aborted || armed === null || !isArmed(tracefs, service)) return;
    lastPids = takeUpProcesses(armed, lastPids);
    if (look % LOOKS_PER_SIZING === 0) sample = await deepen(instance, armed, sample, report);
    if (look % LOOKS_PER_SENDING === 0) await sendKept(directories, report);
  }

  function takeUpProcesses(armed: Armed, before: string): string {
    const pids = runningProcesses(armed.target);
    const added = followProcesses(instance, pids);
    const now = pids.join(' ');
    const withClock = withOffset(armed, roughClockOffset(), STEP_SECONDS);
    const stepped = withClock.clockOffsets.length !== armed.clockOffsets.length;
    if (now === before && added === 0 && !stepped) return now;
    writeArmed(directories, withThreads(withClock, threadTable(pids)));
    if (now !== before) report(`${service}: processes are now ${now || 'none'}`);
    return now;
  }
}

/** The S3 client takes more memory than all the rest: it is loaded when there is something to send. */
async function sendKept(directories: Directories, report: (line: string) => void): Promise<void> {
  if (listOutgoing(directories).every((item) => readShipped(item) !== null)) return;
  const { shipPending } = await import('./send-trace.ts');
  const { s3Client } = await import('./upload.ts');
  await shipPending(directories, () => s3Client(process.env), 0, report);
}

/** Grows the ring when the load has outgrown it, as far as its memory cap goes. */
async function deepen(
  instance: string,
  armed: Armed,
  before: RingSample,
  report: (line: string) => void,
): Promise<RingSample> {
  const sample = sampleRing(instance);
  const held = heldSeconds(sample);
  if (held === null || held >= armed.depthSeconds * SHALLOW) return sample;
  // Whoever ships just now must not find the ring stopped.
  const lock = await tryLock(`service/${armed.service}`);
  if (lock === null) return sample;
  try {
    const size = ringSize(bytesPerSecond(before, sample), armed.depthSeconds, armed.capBytes);
    const now = sample.cpus.reduce((sum, stats) => sum + stats.bytes, 0) / 1024;
    const wanted = size.kilobytes.reduce((sum, kilobytes) => sum + kilobytes, 0);
    if (wanted > now * LEAST_GROWTH) {
      resizeRing(instance, size.kilobytes);
      report(
        `${armed.service}: the ring held ${held.toFixed(0)} s; it is now ${(wanted / 1024).toFixed(0)} MiB for ${size.depthSeconds.toFixed(0)} s`,
      );
    }
  } finally {
    lock.release();
  }
  return sample;
}

function pause(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, seconds * 1000);
    signal.addEventListener('abort', done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}

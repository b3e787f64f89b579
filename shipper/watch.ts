import type { RecordedThread } from '../trace/recording.ts';
import {
  type Armed,
  armedReader,
  type Directories,
  readArmed,
  withOffset,
  withThreads,
  writeArmed,
} from './armed.ts';
import { monotonicSeconds, roughClockOffset, STEP_SECONDS } from './clock.ts';
import { ShipperError } from './errors.ts';
import { keptSender } from './kept-sender.ts';
import { tryLock } from './lock.ts';
import { pause } from './pause.ts';
import { type Arming, type RecordOptions, recordRing, takeBack } from './record.ts';
import { applied, depthOf, growth, type RingSample, sampleRing } from './ring-depth.ts';
import { stay } from './staying.ts';
import { describeTarget, targetHint, targetProcesses } from './target.ts';
import { isArmed } from './tracefs/arm-ring.ts';
import { instancePath, requireTracefs } from './tracefs/tracefs.ts';
import { watchedProcesses } from './watched-processes.ts';

/**
 * The small process that may stay: it takes up restarts of the service, follows its load with the ring's size,
 * remembers the clock, and sends what S3 did not take. The recording does not need it.
 */
interface WatchOptions {
  readonly directories: Directories;
  readonly service: string;
  readonly report: (line: string) => void;
}

/** Between looks at the service's processes. */
const LOOK_SECONDS = 1;
/** Between looks at the ring's depth and at every thread, in looks. */
const LOOKS_PER_SIZING = 30;
/** Between tries to send what was kept, in looks. */
const LOOKS_PER_SENDING = 60;
/** Between writes of what was seen of processes that come and go. */
const LEAST_WRITE_SECONDS = 5;

/** Waits for the service where it does not run yet, arms it, and stays until the signal; then takes it back. */
export async function armAndWatch(
  recording: RecordOptions,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { directories, service } = recording;
  const tracefs = requireTracefs();
  const held = await stay(service);
  try {
    if (!(await serviceRuns(recording, report, signal))) return;
    if (isArmed(tracefs, service) && readArmed(directories, service) === null)
      await takeBack(directories, service, report); // what a crash left half done
    const armed = await recordRing(recording, signal);
    if (armed.kind === 'interrupted') return;
    report(`${service}: ${describeArming(armed)}`);
    if ((await watch({ directories, service, report }, signal)) === 'vanished') {
      throw new ShipperError(
        `the recording of ${service} was taken away while it was watched: somebody removed ${instancePath(tracefs, service)} or its note`,
      );
    }
    await takeBack(directories, service, report);
  } finally {
    held.release();
  }
}

export function describeArming(arming: Exclude<Arming, { readonly kind: 'interrupted' }>): string {
  if (arming.kind === 'continued') {
    return `still armed from before; going on with it, and with ${arming.processes} processes of the service as it is now`;
  }
  const { armed, size, refusal } = arming;
  const mebibytes = (size.kilobytes.reduce((sum, kilobytes) => sum + kilobytes, 0) / 1024).toFixed(1);
  const depth = Math.min(size.depthSeconds, 86_400).toFixed(0);
  const why =
    refusal !== null
      ? ` (the kernel gave it no more memory: ${refusal})`
      : size.capped
        ? ` (its memory is capped at ${(armed.capBytes / 1024 / 1024).toFixed(1)} MiB: --memory)`
        : '';
  return `armed on ${armed.node}; the ring takes ${mebibytes} MiB and holds about ${depth} s at the measured rate${why}`;
}

/** Waits, and says for what; false where the signal came. */
async function serviceRuns(
  { service, target }: RecordOptions,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<boolean> {
  let said = '';
  do {
    let reason = targetHint(target);
    try {
      if (targetProcesses(target).length > 0) return true;
      // Whoever gets that number next is somebody else.
      if (target.kind === 'pid')
        throw new ShipperError(`expected ${describeTarget(target)} to run, but it does not`);
    } catch (error) {
      if (!(error instanceof ShipperError) || target.kind === 'pid') throw error;
      reason = error.message;
    }
    const line = `${service}: waiting for ${describeTarget(target)}: ${reason}`;
    if (line !== said) report(line);
    said = line;
  } while (await pause(LOOK_SECONDS, signal));
  return false;
}

/** Stays until the signal, until the recording is gone, or until processes that were named by their ids are. */
async function watch(options: WatchOptions, signal: AbortSignal): Promise<'stopped' | 'vanished' | 'ended'> {
  const { directories, service, report } = options;
  const tracefs = requireTracefs();
  const instance = instancePath(tracefs, service);
  const noted = armedReader(directories, service);
  const first = noted();
  if (first === null) return 'vanished';
  const processes = watchedProcesses(instance, first.target);
  const sender = keptSender(directories, report);
  let sample: RingSample | null = null;
  let unwritten: RecordedThread[] = [];
  let writtenAt = monotonicSeconds();
  let endedAt: number | null = null;
  let lastProblem = '';
  try {
    for (let look = 1; await pause(LOOK_SECONDS, signal); look++) {
      try {
        const armed = noted();
        if (armed === null || !isArmed(tracefs, service)) return 'vanished';
        lookAtProcesses(armed, look % LOOKS_PER_SIZING === 0);
        if (hasEnded(armed)) return 'ended';
        sample ??= sampleRing(instance);
        if (look % LOOKS_PER_SIZING === 0) sample = await deepen(instance, armed, sample, report);
        if (look % LOOKS_PER_SENDING === 1) sender.start();
        lastProblem = '';
      } catch (error) {
        if (!isArmed(tracefs, service)) return 'vanished';
        // Processes, groups and disks come and go: the next look may do better, and recording needs none of them.
        const problem = (error as Error).message;
        if (problem !== lastProblem) report(`${service}: could not look at everything: ${problem}`);
        lastProblem = problem;
      }
    }
    return 'stopped';
  } finally {
    await sender.stop();
  }

  function lookAtProcesses(armed: Armed, closely: boolean): void {
    unwritten.push(...processes.look(armed.target), ...(closely ? processes.lookAtAll() : []));
    const now = monotonicSeconds();
    const news = processes.news(now);
    if (news !== null) report(`${service}: ${news}`);
    const withClock = withOffset(armed, roughClockOffset(), STEP_SECONDS);
    const stepped = withClock.clockOffsets.length !== armed.clockOffsets.length;
    const isDue = unwritten.length > 0 && now - writtenAt >= LEAST_WRITE_SECONDS;
    if (!stepped && !isDue) return;
    writeArmed(directories, withThreads(withClock, newestOfEach(unwritten)));
    unwritten = [];
    writtenAt = now;
  }

  /** What was named by its id and has ended is kept as long as the ring is deep: its last calls may be asked for. */
  function hasEnded(armed: Armed): boolean {
    if (armed.target.kind !== 'pid' || processes.count > 0) {
      endedAt = null;
      return false;
    }
    const now = monotonicSeconds();
    if (endedAt === null) {
      report(
        `${service}: ${describeTarget(armed.target)} has ended; its last calls can be shipped for ${armed.depthSeconds} s`,
      );
      endedAt = now;
    }
    return now - endedAt >= armed.depthSeconds;
  }
}

/** Seen twice, a thread is what it was seen as last. */
function newestOfEach(threads: readonly RecordedThread[]): RecordedThread[] {
  return [...new Map(threads.map((thread) => [thread.tid, thread])).values()];
}

/** Grows the ring when the load has outgrown it, as far as its memory cap goes. */
async function deepen(
  instance: string,
  armed: Armed,
  before: RingSample,
  report: (line: string) => void,
): Promise<RingSample> {
  const sample = sampleRing(instance);
  const wanted = growth(before, sample, armed.depthSeconds, armed.capBytes);
  if (wanted === null) return sample;
  // Whoever ships just now must not find the ring stopped.
  const lock = await tryLock(`service/${armed.service}`);
  if (lock === null) return sample;
  try {
    const held = depthOf(before, sample).toFixed(0);
    const size = applied(instance, before, sample, wanted);
    const mebibytes = (size.kilobytes.reduce((sum, kilobytes) => sum + kilobytes, 0) / 1024).toFixed(0);
    const refusal = size.refusal === null ? '' : ` (the kernel gave it no more memory: ${size.refusal})`;
    report(
      `${armed.service}: at its present load the ring held ${held} s; it is now ${mebibytes} MiB for ${size.depthSeconds.toFixed(0)} s${refusal}`,
    );
  } finally {
    lock.release();
  }
  return sample;
}

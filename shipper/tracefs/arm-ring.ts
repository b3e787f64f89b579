import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ShipperError } from '../errors.ts';
import { threadIds } from '../target.ts';
import { type CpuStats, parseCpuStats } from './cpu-stats.ts';
import { onlineCpus } from './online-cpus.ts';
import { appendKnob, instancePath, listInstances, readKnob, ringCpus, writeKnob } from './tracefs.ts';

/**
 * An instance of its own for each service: no knob outside of it is touched, and when it goes, all that was armed
 * goes with it. The order of the writes matters: the filter stands before the events are switched on, so that
 * nobody else's calls are ever recorded.
 */
export interface RingOptions {
  readonly kilobytesPerCpu: number;
  readonly contextSwitches: boolean;
}

/** Tries to remove an instance that somebody still reads. */
const REMOVE_TRIES = 50;
const REMOVE_WAIT_MILLISECONDS = 100;

export function armRing(root: string, service: string, pids: readonly number[], options: RingOptions): void {
  const instance = createInstance(root, service);
  try {
    writeKnob(instance, 'trace_clock', 'mono');
    writeKnob(instance, 'options/overwrite', 1);
    writeKnob(instance, 'buffer_size_kb', options.kilobytesPerCpu);
    // New threads and children of recorded ones are recorded, ended ones leave the list.
    writeKnob(instance, 'options/event-fork', 1);
    followProcesses(instance, pids);
    writeKnob(instance, 'events/raw_syscalls/enable', 1);
    if (options.contextSwitches) writeKnob(instance, 'events/sched/sched_switch/enable', 1);
  } catch (error) {
    rmdirSync(instance); // nobody else can have opened it yet
    throw error;
  }
}

function createInstance(root: string, service: string): string {
  const instance = instancePath(root, service);
  try {
    mkdirSync(instance);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new ShipperError(
      code === 'EEXIST'
        ? `${service} is already armed (${instance} exists): «perfscope disarm --service ${service}» first`
        : `could not make the tracefs instance ${instance}: ${message}; it takes root, or CAP_SYS_ADMIN and CAP_DAC_OVERRIDE outside of a locked-down container: see «perfscope check», or record with --recorder strace`,
      { cause: error },
    );
  }
  return instance;
}

/** Adds the processes' threads to those recorded; returns how many were new. */
export function followProcesses(instance: string, pids: readonly number[]): number {
  const followed = followedThreads(instance);
  let added = 0;
  // A thread that is not in the list may start another between the look and the write: look until none is new.
  for (let before = -1; added > before; ) {
    before = added;
    const fresh = pids.flatMap(threadIds).filter((tid) => !followed.has(tid));
    if (fresh.length === 0) continue;
    // One write for all: the kernel copies the whole list at each.
    appendKnob(instance, 'set_event_pid', fresh.join(' '));
    for (const tid of fresh) followed.add(tid);
    added += fresh.length;
  }
  return added;
}

function followedThreads(instance: string): Set<number> {
  const lines = readFileSync(join(instance, 'set_event_pid'), 'utf8').split('\n');
  return new Set(lines.filter((line) => /^\d+$/.test(line)).map(Number));
}

/**
 * Takes this process out of a recording that it came into as the service's child, or from its control group: it
 * would record how it ships. Nothing is written where it is not in, since a second list costs every event a look.
 */
export function leaveOutSelf(instance: string): void {
  const followed = followedThreads(instance);
  const own = threadIds(process.pid).filter((tid) => followed.has(tid));
  if (own.length > 0) appendKnob(instance, 'set_event_notrace_pid', own.join(' '));
}

export function ringStats(instance: string): { cpu: number; text: string; stats: CpuStats }[] {
  return ringCpus(instance).map((cpu) => {
    const text = readFileSync(join(instance, 'per_cpu', `cpu${cpu}`, 'stats'), 'utf8');
    return { cpu, text, stats: parseCpuStats(text) };
  });
}

/** The ring of one CPU that runs. */
export interface CpuRing {
  readonly cpu: number;
  readonly kilobytes: number;
  readonly stats: CpuStats;
}

export function onlineRings(instance: string): CpuRing[] {
  const online = onlineCpus();
  return ringCpus(instance)
    .filter((cpu) => online?.has(cpu) ?? true)
    .map((cpu) => {
      const directory = join(instance, 'per_cpu', `cpu${cpu}`);
      const stats = parseCpuStats(readKnob(directory, 'stats'));
      return { cpu, kilobytes: Number.parseInt(readKnob(directory, 'buffer_size_kb'), 10), stats };
    });
}

/**
 * Returns why the kernel refused a size, which it does where memory is short; null where it took all. What it
 * refused stays as it was.
 */
export function resizeRing(
  instance: string,
  sizes: readonly { readonly cpu: number; readonly kilobytes: number }[],
): string | null {
  for (const { cpu, kilobytes } of sizes) {
    try {
      writeFileSync(join(instance, 'per_cpu', `cpu${cpu}`, 'buffer_size_kb'), `${kilobytes}\n`);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'ENOMEM') return message;
      throw error;
    }
  }
  return null;
}

/** Removes the instance with everything armed in it; false where there was none. */
export async function disarmRing(root: string, service: string): Promise<boolean> {
  const instance = instancePath(root, service);
  if (!existsSync(instance)) return false;
  writeKnob(instance, 'tracing_on', 0);
  for (let attempt = 1; ; attempt++) {
    try {
      rmdirSync(instance);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || attempt === REMOVE_TRIES) {
        throw new ShipperError(
          `could not remove ${instance}: ${(error as Error).message}; somebody has a file of it open («fuser -v ${instance}/*»). Recording in it is off.`,
          { cause: error },
        );
      }
      await new Promise((resolve) => setTimeout(resolve, REMOVE_WAIT_MILLISECONDS));
    }
  }
}

export function isArmed(root: string, service: string): boolean {
  return listInstances(root).includes(service);
}

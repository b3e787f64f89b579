/**
 * `floor`: what a system call costs more under each way of having the kernel record it, to find what lowers the
 * floor. The load is dd copying single bytes: two calls a byte that do next to nothing, the worst case.
 */
import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCpuStats } from '../shipper/tracefs/cpu-stats.ts';
import { findTracefs, readKnob, ringCpus } from '../shipper/tracefs/tracefs.ts';
import { type BenchmarkOptions, type BenchmarkResult, type Figure, median, rounded } from './benchmark.ts';
import { commandCpuSeconds, hasCommand } from './cpu-time.ts';
import { missingForRing } from './ring-recording.ts';

const BLOCKS = 600_000;
const CALLS = 2 * BLOCKS;
const KILOBYTES = 8 * 1024;

type Echo = (value: string, knob: string) => void;

interface Way {
  readonly name: string;
  /** Why it cannot be had here, or null. */
  readonly missing: () => string | null;
  /** Sets up an instance of its own whose filter lets this process's children through; returns what undoes it. */
  readonly start: (echo: Echo, tracefs: string) => Promise<() => void>;
}

const followSelf = (echo: Echo) => {
  echo('1', 'options/event-fork');
  echo(String(process.pid), 'set_event_pid');
};
const undoNothing = () => {};
const always = () => null;

const ways: readonly Way[] = [
  { name: 'not recorded', missing: always, start: async () => undoNothing },
  {
    name: 'another process is recorded',
    missing: always,
    start: async (echo) => {
      echo('1', 'set_event_pid');
      echo('1', 'events/raw_syscalls/enable');
      return undoNothing;
    },
  },
  {
    name: 'enter and exit (the recorder)',
    missing: always,
    start: async (echo) => {
      followSelf(echo);
      echo('1', 'events/raw_syscalls/enable');
      return undoNothing;
    },
  },
  {
    name: 'enter and exit, pages of 64 KiB',
    missing: () =>
      existsSync(join(findTracefs()!, 'buffer_subbuf_size_kb')) ? null : 'it takes Linux 6.8 or later',
    start: async (echo) => {
      echo('64', 'buffer_subbuf_size_kb');
      followSelf(echo);
      echo('1', 'events/raw_syscalls/enable');
      return undoNothing;
    },
  },
  {
    name: 'exit only',
    missing: always,
    start: async (echo) => {
      followSelf(echo);
      echo('1', 'events/raw_syscalls/sys_exit/enable');
      return undoNothing;
    },
  },
  {
    name: 'enter and exit, by command name in the kernel',
    missing: always,
    start: async (echo) => {
      for (const event of ['sys_enter', 'sys_exit'])
        echo('comm == "dd"', `events/raw_syscalls/${event}/filter`);
      echo('1', 'events/raw_syscalls/enable');
      return undoNothing;
    },
  },
  {
    name: 'enter and exit, reads filtered out in the kernel',
    missing: always,
    start: async (echo) => {
      followSelf(echo);
      for (const event of ['sys_enter', 'sys_exit']) echo('id != 0', `events/raw_syscalls/${event}/filter`);
      echo('1', 'events/raw_syscalls/enable');
      return undoNothing;
    },
  },
  {
    name: 'event probes with number, descriptor and result only',
    missing: missingEventProbes,
    start: async (echo, tracefs) => {
      const probe = `perfscope_floor_${process.pid}`;
      const events = join(tracefs, 'dynamic_events');
      appendFileSync(events, `e:${probe}/enter raw_syscalls/sys_enter nr=$id:u16 fd=+0($args):s32\n`);
      appendFileSync(events, `e:${probe}/leave raw_syscalls/sys_exit nr=$id:u16 ret=$ret:s32\n`);
      followSelf(echo);
      echo('1', `events/${probe}/enable`);
      return () => {
        echo('0', `events/${probe}/enable`);
        appendFileSync(events, `-:${probe}/enter\n`);
        appendFileSync(events, `-:${probe}/leave\n`);
      };
    },
  },
  {
    name: 'eBPF on both (only counting)',
    missing: () => (hasCommand('bpftrace') ? null : 'bpftrace is not installed'),
    start: async () => {
      const program =
        'tracepoint:raw_syscalls:sys_enter /comm == "dd"/ { @n = count(); } tracepoint:raw_syscalls:sys_exit /comm == "dd"/ { @x = count(); }';
      const child = spawn('bpftrace', ['-e', program], { stdio: ['ignore', 'pipe', 'ignore'] });
      await new Promise((resolve) => child.stdout.once('data', resolve));
      return () => child.kill('SIGINT');
    },
  },
];

/** Linux 5.15 and later have them, where the kernel is built with them. */
function missingEventProbes(): string | null {
  const events = join(findTracefs()!, 'dynamic_events');
  const probe = `perfscope_floor_${process.pid}/try`;
  try {
    appendFileSync(events, `e:${probe} raw_syscalls/sys_exit ret=$ret:s32\n`);
    appendFileSync(events, `-:${probe}\n`);
    return null;
  } catch (error) {
    return `this kernel takes no event probes: ${(error as Error).message}`;
  }
}

export async function floor(options: BenchmarkOptions): Promise<BenchmarkResult> {
  const missing = missingForRing() ?? (hasCommand('dd') ? null : 'dd is not installed');
  if (missing !== null) return { figures: {}, skipped: [{ figure: 'all', reason: missing }], notes: [] };
  const tracefs = findTracefs()!;
  const skipped: { figure: string; reason: string }[] = [];
  const usable = ways.filter(({ name, missing: absent }) => {
    const reason = absent();
    if (reason !== null) skipped.push({ figure: name, reason });
    return reason === null;
  });
  const measured = new Map(usable.map(({ name }) => [name, { ns: [] as number[], bytes: 0 }]));
  for (let round = 1; round <= options.rounds; round++) {
    for (const way of round % 2 === 1 ? usable : [...usable].reverse()) {
      options.progress(`round ${round} of ${options.rounds}: ${way.name}`);
      const sample = await measure(way, tracefs);
      const kept = measured.get(way.name)!;
      kept.ns.push(sample.nsPerCall);
      kept.bytes = sample.bytesPerCall;
    }
  }
  const plain = measured.get('not recorded')!.ns;
  const figures = Object.fromEntries(
    [...measured].map(([name, { ns, bytes }]): [string, Figure] => [
      name,
      {
        addedNsPerCall: rounded(median(ns.map((value, i) => value - plain[i]!))),
        ringBytesPerCall: rounded(bytes),
      },
    ]),
  );
  return {
    figures,
    skipped,
    notes: [`CPU time (user and system) that each of ${CALLS} calls takes more than without any recording`],
  };
}

async function measure(way: Way, tracefs: string): Promise<{ nsPerCall: number; bytesPerCall: number }> {
  const instance = join(tracefs, 'instances', `bench-floor-${process.pid}`);
  mkdirSync(instance);
  const echo: Echo = (value, knob) => writeFileSync(join(instance, knob), value);
  let undo = undoNothing;
  try {
    echo('mono', 'trace_clock');
    echo(String(KILOBYTES), 'buffer_size_kb');
    undo = await way.start(echo, tracefs);
    const dd = ['if=/dev/zero', 'of=/dev/null', 'bs=1', `count=${BLOCKS}`];
    const seconds = commandCpuSeconds('taskset', ['-c', '0', 'dd', ...dd]);
    return { nsPerCall: (seconds / CALLS) * 1e9, bytesPerCall: bytesPerCall(instance) };
  } finally {
    undo();
    echo('0', 'tracing_on');
    echo('0', 'events/enable');
    spawnSync('sleep', ['0.1']); // the kernel lets go of event files a moment later
    rmdirSync(instance);
  }
}

/** Of the whole ring: bytes and events that it holds, and two events to a call. */
function bytesPerCall(instance: string): number {
  const stats = ringCpus(instance).map((cpu) => parseCpuStats(readKnob(instance, `per_cpu/cpu${cpu}/stats`)));
  const bytes = stats.reduce((sum, { bytes: held }) => sum + held, 0);
  const held = stats.reduce((sum, { entries }) => sum + entries, 0);
  const all = stats.reduce((sum, { entries, overrun }) => sum + entries + overrun, 0);
  return held === 0 ? 0 : (bytes / held) * (all / CALLS);
}

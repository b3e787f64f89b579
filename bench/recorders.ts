import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { threadIds } from '../shipper/target.ts';
import { findTracefs } from '../shipper/tracefs/tracefs.ts';
import { hasCommand } from './cpu-time.ts';
import { missingForRing, startRing } from './ring-recording.ts';

/** What may record a server's system calls while it is under load. */
export interface Recorder {
  readonly name: string;
  /** Why it cannot be used here, or null. */
  readonly missing: () => string | null;
  /** Starts it; what it returns stops it. */
  readonly start: (pids: readonly number[], folder: string) => Promise<() => Promise<void>>;
  /** Loads run this share of their time: strace makes servers so slow that less is enough. */
  readonly share: number;
}

/** Ring per CPU: small, since only the writing is measured. */
const KILOBYTES = 16 * 1024;

const nothing: Recorder = {
  name: 'bare',
  missing: () => null,
  start: async () => async () => {},
  share: 1,
};

const ours: Recorder = {
  name: 'perfscope',
  missing: missingForRing,
  async start(pids, folder) {
    const ring = startRing(folder, `bench-${process.pid}`, pids, KILOBYTES, false);
    return () => ring.disarm();
  },
  share: 1,
};

/** The floor: the same two events of the same threads, switched on by hand as in Documentation/trace/ftrace.rst. */
const tracefsByHand: Recorder = {
  name: 'tracefs by hand',
  missing: missingForRing,
  async start(pids) {
    const instance = join(findTracefs()!, 'instances', `bench-by-hand-${process.pid}`);
    mkdirSync(instance);
    const echo = (value: string, knob: string) => writeFileSync(join(instance, knob), value);
    echo('mono', 'trace_clock');
    echo(String(KILOBYTES), 'buffer_size_kb');
    echo(pids.flatMap(threadIds).join(' '), 'set_event_pid');
    echo('1', 'events/raw_syscalls/enable');
    return async () => {
      echo('0', 'events/raw_syscalls/enable');
      rmdirSync(instance);
    };
  },
  share: 1,
};

const perf: Recorder = {
  name: 'perf record',
  missing: () => (hasCommand('perf') ? null : 'perf is not installed'),
  async start(pids, folder) {
    const events = 'raw_syscalls:sys_enter,raw_syscalls:sys_exit';
    const file = join(folder, 'overhead.perf.data');
    return attached('perf', ['record', '-q', '-e', events, '-p', pids.join(','), '-o', file], 'SIGINT');
  },
  share: 1,
};

const strace: Recorder = {
  name: 'strace',
  missing: () => (hasCommand('strace') ? null : 'strace is not installed'),
  async start(pids, folder) {
    const file = join(folder, 'overhead.strace');
    const targets = pids.flatMap((pid) => ['-p', String(pid)]);
    return attached('strace', ['-f', '-ttt', '-T', '-o', file, ...targets], 'SIGTERM');
  },
  share: 0.5,
};

export const recorders: readonly Recorder[] = [nothing, ours, tracefsByHand, perf, strace];

/** Time that perf and strace get to attach: neither says when it has. */
const ATTACH_MILLISECONDS = 400;

async function attached(command: string, args: string[], end: NodeJS.Signals): Promise<() => Promise<void>> {
  const child: ChildProcess = spawn(command, args, { stdio: 'ignore' });
  await new Promise((resolve) => setTimeout(resolve, ATTACH_MILLISECONDS));
  return () =>
    new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.kill(end);
    });
}

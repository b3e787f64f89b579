import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { monotonicSeconds } from './clock.ts';

const BUFFER_MIB = 2;
/** perf writes a CPU's buffer out when half of it is full. */
export const LUMP_BYTES = (BUFFER_MIB / 2) * 1024 * 1024;
const SYSTEM_CALLS = ['raw_syscalls:sys_enter', 'raw_syscalls:sys_exit', 'sched:sched_switch'];
/** Stacks at sys_enter alone halve data and time. */
const STACKED = [
  'raw_syscalls:sys_enter',
  'raw_syscalls:sys_exit/call-graph=no/',
  'sched:sched_switch/call-graph=no/',
];

interface Recording {
  readonly file: string;
  /** CLOCK_MONOTONIC, the clock of the trace. */
  readonly startSeconds: number;
  readonly endSeconds: number;
  /** The command, for made.json. */
  readonly command: readonly string[];
}

export interface Recorder {
  readonly startSeconds: number;
  bytes(): number;
  stop(): Promise<Recording>;
}

/**
 * Starts `perf record` on a control group, so that processes and threads may come and go, and resolves when its events
 * are on. `callGraph` null records no stacks.
 */
export async function startRecorder(
  cgroup: string,
  file: string,
  callGraph: string | null,
): Promise<Recorder> {
  const events = callGraph === null ? SYSTEM_CALLS : STACKED;
  const args = [
    'record',
    '-a',
    '-k',
    'CLOCK_MONOTONIC',
    '-m',
    `${BUFFER_MIB}M`,
    '-o',
    file,
    '--control',
    'fd:3,4',
    '-D',
    '-1',
  ];
  for (const event of events) args.push('-e', event);
  args.push('--cgroup', events.map(() => cgroup).join(','));
  if (callGraph !== null) args.push('--call-graph', callGraph, '--user-callchains');
  // perf would keep what a failed attempt left.
  rmSync(file, { force: true });
  const perf = spawn('perf', args, { stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'] });
  const said: string[] = [];
  perf.stdout?.on('data', (chunk: Buffer) => said.push(chunk.toString()));
  perf.stderr?.on('data', (chunk: Buffer) => said.push(chunk.toString()));
  const ended = once(perf, 'exit');
  const control = perf.stdio[3] as Writable;
  const acknowledged = perf.stdio[4] as Readable;
  // perf that has ended closes its end; what it said is reported instead.
  control.on('error', () => {});
  const order = async (word: string) => {
    const answer = once(acknowledged, 'data');
    control.write(`${word}\n`);
    const first = await Promise.race([answer, ended.then(() => null)]);
    if (first === null) throw new Error(`perf record ended before '${word}': ${said.join('').trim()}`);
  };
  await order('enable');
  const startSeconds = monotonicSeconds();
  return {
    startSeconds,
    bytes: () => statSync(file).size,
    async stop() {
      await order('disable');
      const endSeconds = monotonicSeconds();
      perf.kill('SIGINT');
      await ended;
      if (magicOf(file) !== 'PERFILE2') {
        throw new Error(`perf record left no data in ${file}: ${said.join('').trim()}`);
      }
      return { file, startSeconds, endSeconds, command: ['perf', ...args] };
    },
  };
}

function magicOf(file: string): string {
  const handle = openSync(file, 'r');
  const magic = Buffer.alloc(8);
  readSync(handle, magic);
  closeSync(handle);
  return magic.toString('latin1');
}

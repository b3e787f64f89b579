import { mine } from '../../signatures/mine.ts';
import type { SignatureSet } from '../../signatures/signature-set.ts';
import { type ScriptedCall, scriptedTrace } from '../trace/scripted-trace.ts';

/** Park and Miller's minimal standard generator (CACM 1988): the same numbers in every run. */
export function randomNumbers(seed: number): () => number {
  let state = (seed % 0x7ffffffe) + 1;
  return () => {
    state = (state * 48_271) % 0x7fffffff;
    return state / 0x7fffffff;
  };
}

export const CONNECTION = 7;
const FILE = 9;
const EPOLL = 3;

/** Seconds between two requests of the sample service, and the time between two of its calls. */
const REQUEST_NS = 20e6;
const STEP_NS = 20_000;

/**
 * A small file server's calls, one thread: it waits, receives, looks up or stores, and answers. The time that a
 * request takes is small against the time between requests.
 */
export function serve(
  fromNs: number,
  requests: number,
  random: () => number,
  thread = 0,
  everyNs = REQUEST_NS,
): ScriptedCall[] {
  const calls: ScriptedCall[] = [];
  for (let request = 0; request < requests; request++) {
    const begin = fromNs + request * everyNs;
    let at = begin;
    const add = (call: string, stack: readonly string[], more: Partial<ScriptedCall> = {}) => {
      calls.push({ thread, call, at, stack, ...more });
      at += STEP_NS;
    };
    const wait = Math.round(everyNs * (0.3 + 0.2 * random()));
    calls.push({ thread, call: 'epoll_wait', at, duration: wait, fd: EPOLL, stack: ['main', 'event_loop'] });
    at += wait + STEP_NS;
    const handle = ['main', 'event_loop', 'handle_request'];
    add('recvfrom', [...handle, 'receive'], { fd: CONNECTION, result: 120 });
    if (random() < 0.5) {
      add('openat', [...handle, 'serve_file', 'open_file'], { result: FILE });
      add('fstat', [...handle, 'serve_file', 'open_file'], { fd: FILE, result: 0 });
      for (let part = random() < 0.5 ? 1 : 2; part > 0; part--) {
        add('read', [...handle, 'serve_file', 'copy_file'], { fd: FILE, result: 4_096 });
        add('write', [...handle, 'serve_file', 'copy_file'], { fd: CONNECTION, result: 4_096 });
      }
      add('close', [...handle, 'serve_file'], { fd: FILE, result: 0 });
    } else {
      add('openat', [...handle, 'store_file', 'create_file'], { result: FILE });
      add('write', [...handle, 'store_file', 'save_parts'], { fd: FILE, result: 120 });
      if (random() < 0.5) add('fsync', [...handle, 'store_file', 'save_parts'], { fd: FILE, result: 0 });
      add('rename', [...handle, 'store_file'], { result: 0 });
      add('close', [...handle, 'store_file'], { fd: FILE, result: 0 });
      add('sendto', [...handle, 'answer'], { fd: CONNECTION, result: 60 });
    }
    if (random() < 0.1) add('getpid', ['main', 'event_loop', 'log_time']);
  }
  return calls;
}

/** What the production trace of the same calls shows: no stacks. */
export function withoutStacks(calls: readonly ScriptedCall[]): ScriptedCall[] {
  return calls.map(({ stack: _, ...call }) => call);
}

/** The signature set of the sample service, from two runs of thirty seconds. */
export function sampleSignatures(): Promise<SignatureSet> {
  return mine(
    [1, 2].map((seed) => ({
      name: `profile-${seed}`,
      trace: scriptedTrace(serve(0, 1_500, randomNumbers(seed))),
    })),
    { service: 'sample', build: '1' },
  );
}

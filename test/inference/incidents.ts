import { OPEN, type Switches } from '../../trace/trace.ts';
import type { ScriptedCall } from '../trace/scripted-trace.ts';
import { CONNECTION, randomNumbers, serve, withoutStacks } from './sample-service.ts';

/** Traces of the sample service in trouble, without stacks: twenty good seconds, then ten bad ones. */
export const ONSET_NS = 20e9;
export const END_NS = 30e9;

const good = (seed: number, thread = 0) => serve(0, 1_000, randomNumbers(seed), thread);

export function healthy(seed: number): ScriptedCall[] {
  return withoutStacks(serve(0, 1_500, randomNumbers(seed)));
}

/** The client does not read on: copy_file writes the same part again and again. */
export function spinning(seed: number, untilNs = END_NS): ScriptedCall[] {
  const loop: ScriptedCall[] = [
    { call: 'recvfrom', at: ONSET_NS, fd: CONNECTION, result: 120 },
    { call: 'openat', at: ONSET_NS + 20_000, result: 9 },
    { call: 'fstat', at: ONSET_NS + 40_000, fd: 9, result: 0 },
  ];
  for (let at = ONSET_NS + 1e5; at < untilNs; at += 1e6) {
    loop.push({ call: 'read', at, fd: 9, result: 4_096 });
    loop.push({ call: 'write', at: at + 20_000, fd: CONNECTION, result: -11 });
  }
  return [...withoutStacks(good(seed)), ...loop];
}

/** Storing a file ends in an fsync that never returns. */
export function stuck(seed: number): ScriptedCall[] {
  return [
    ...withoutStacks(good(seed)),
    { call: 'recvfrom', at: ONSET_NS, fd: CONNECTION, result: 120 },
    { call: 'openat', at: ONSET_NS + 20_000, result: 9 },
    { call: 'write', at: ONSET_NS + 40_000, fd: 9, result: 120 },
    { call: 'fsync', at: ONSET_NS + 60_000, fd: 9, duration: OPEN },
  ];
}

/** After looking a file up, the thread makes no calls any more. */
export function vanished(seed: number): ScriptedCall[] {
  return [
    ...withoutStacks(good(seed)),
    { call: 'recvfrom', at: ONSET_NS, fd: CONNECTION, result: 120 },
    { call: 'openat', at: ONSET_NS + 20_000, result: 9 },
    { call: 'fstat', at: ONSET_NS + 40_000, fd: 9, result: 0 },
  ];
}

/** The scheduler takes the thread off its CPU now and then, runnable or asleep. */
export function switchesAfterOnset(runnable: boolean): Switches {
  const times = Array.from({ length: 90 }, (_, i) => ONSET_NS + 1e8 * (i + 1));
  return {
    timeNs: Float64Array.from(times),
    cpu: new Uint16Array(times.length),
    previous: new Int32Array(times.length),
    next: new Int32Array(times.length).fill(-1),
    runnable: new Uint8Array(times.length).fill(runnable ? 1 : 0),
  };
}

/** The disk is slow: each fsync of a stored file takes a tenth of a second. */
export function slow(seed: number): ScriptedCall[] {
  const calls = withoutStacks(good(seed));
  for (let at = ONSET_NS; at < END_NS - 2e8; at += 2e8) {
    calls.push(
      { call: 'epoll_wait', at, duration: 8e6, fd: 3 },
      { call: 'recvfrom', at: at + 9e6, fd: CONNECTION, result: 120 },
      { call: 'openat', at: at + 9.02e6, result: 9 },
      { call: 'write', at: at + 9.04e6, fd: 9, result: 120 },
      { call: 'fsync', at: at + 9.06e6, fd: 9, duration: 100e6, result: 0 },
      { call: 'rename', at: at + 110e6, result: 0 },
      { call: 'close', at: at + 110.1e6, fd: 9, result: 0 },
      { call: 'sendto', at: at + 110.2e6, fd: CONNECTION, result: 60 },
    );
  }
  return calls;
}

/** The same requests, six times as many of them since the onset. */
export function busier(seed: number): ScriptedCall[] {
  return withoutStacks([...good(seed), ...serve(ONSET_NS, 3_000, randomNumbers(seed + 1), 0, 20e6 / 6)]);
}

import { describe, expect, it } from 'vitest';
import { callsOf } from '../../calls/calls.ts';
import { normalBehaviour } from '../../signatures/normal-behaviour.ts';
import type { ProfileCalls } from '../../signatures/profile-calls.ts';
import { OPEN, type Trace } from '../../trace/trace.ts';
import { type ScriptedCall, scriptedTrace } from '../trace/scripted-trace.ts';

/** Each kind of call is one symbol and one state. */
function profile(trace: Trace): ProfileCalls {
  return {
    name: 'profile',
    calls: callsOf(trace),
    coverage: { symbolized: 1, grafted: 0 },
    contexts: new Int32Array(trace.length),
    symbols: Uint16Array.from(trace.call),
    states: Int32Array.from(trace.call),
    traits: [],
  };
}

function learned(...traces: readonly Trace[]) {
  const behaviour = normalBehaviour();
  for (const trace of traces) behaviour.add(profile(trace));
  return behaviour;
}

describe('normalBehaviour', () => {
  it('holds the highest rate of a symbol in any profile and the longest time between two calls of one thread', () => {
    const slow = scriptedTrace(
      [0, 1e9, 2e9].map((at) => ({ call: 'read', at, duration: 0.25e9 })),
      { endNs: 3e9 },
    );
    const fast = scriptedTrace(
      [0, 1e8, 2e8, 3e8].map((at) => ({ call: 'read', at })),
      { endNs: 1e9 },
    );
    for (const order of [
      [slow, fast],
      [fast, slow],
    ]) {
      expect(learned(...order).rates()).toEqual({ rate: [4], offCall: 0.75 });
    }
  });

  it('gives a symbol that only a later profile shows its rate there', () => {
    const first = scriptedTrace([{ call: 'read', at: 0 }], { endNs: 2e9 });
    const second = {
      ...scriptedTrace([{ call: 'write', at: 0 }], { endNs: 0.25e9 }),
      callNames: ['read', 'write'],
      call: Uint16Array.of(1),
    };
    expect(learned(first, second).rates().rate).toEqual([0.5, 4]);
  });

  it('sees no pause across threads nor after a call that did not return', () => {
    const calls: ScriptedCall[] = [
      { thread: 0, call: 'read', at: 0 },
      { thread: 1, call: 'read', at: 8e9, duration: OPEN },
      { thread: 0, call: 'read', at: 1e9 },
      { thread: 1, call: 'read', at: 9e9 },
    ];
    expect(learned(scriptedTrace(calls)).rates().offCall).toBe(0.999999);
  });

  it('gives the median, the 99th percentile and the maximum of the time in a state, open calls aside', () => {
    const calls = Array.from({ length: 100 }, (_, i) => ({
      call: 'read',
      at: i * 1e9,
      duration: (100 - i) * 1e6,
    }));
    const open = { call: 'read', at: 1e11, duration: OPEN };
    const half = (parity: number) => scriptedTrace([...calls, open].filter((_, i) => i % 2 === parity));
    const behaviour = learned(half(0), half(1));
    expect(behaviour.duration(0)).toEqual([0.05, 0.099, 0.1]);
    expect(behaviour.duration(1)).toEqual([0, 0, 0]);
  });

  it('gives latencies per state that answers, in its order, unanswered requests aside', () => {
    const trace = scriptedTrace([
      { call: 'write', at: 0 },
      { call: 'read', at: 1e6, fd: 5 },
      { call: 'sendto', at: 2_001_000, fd: 5 },
      { call: 'read', at: 3e6, fd: 5 },
      { call: 'write', at: 5_001_000, fd: 5 },
      { call: 'read', at: 6e6, fd: 5 },
      { call: 'write', at: 10_001_000, fd: 5 },
      { call: 'read', at: 11e6, fd: 5 },
    ]);
    expect(learned(trace).latencies()).toEqual([
      [0, 2, 0.002, 0.004, 0.004],
      [2, 1, 0.001, 0.001, 0.001],
    ]);
  });

  it('gives the rest between two calls on one descriptor per pair of states, in their order', () => {
    const trace = scriptedTrace([
      { call: 'read', at: 0 },
      { call: 'write', at: 1_000, fd: 5 },
      { call: 'read', at: 502_000, fd: 5 },
      { call: 'write', at: 1_503_000, fd: 5 },
      { call: 'read', at: 4_504_000, fd: 5 },
    ]);
    expect(learned(trace).gaps()).toEqual([
      [0, 1, 1, 0.001, 0.001, 0.001],
      [1, 0, 2, 0.0005, 0.003, 0.003],
    ]);
  });

  it('gives nothing for nothing', () => {
    const empty = learned(scriptedTrace([]));
    expect([empty.gaps(), empty.latencies(), empty.rates()]).toEqual([[], [], { rate: [], offCall: 0 }]);
  });
});

import { describe, expect, it } from 'vitest';
import { callsOf } from '../../calls/calls.ts';
import { scriptedTrace } from '../trace/scripted-trace.ts';

const trace = scriptedTrace([
  ...Array.from({ length: 6 }, (_, i) => ({
    thread: 1,
    call: 'poll',
    at: i * 1e6,
    duration: 500_000,
    result: 0,
  })),
  { thread: 0, call: 'read', at: 100, fd: 5 },
  ...['getpid', 'getuid', 'getgid', 'brk'].map((call, i) => ({ thread: 0, call, at: 1_100 + i * 1_000 })),
  { thread: 0, call: 'write', at: 5_100, fd: 5 },
]);
const FACTS = ['column', 'threadRows', 'loops', 'dispatch', 'requests', 'traits'] as const;

describe('callsOf', () => {
  it.each(FACTS)('computes %s once', (fact) => {
    const calls = callsOf(trace);
    expect(calls[fact]).toBe(calls[fact]);
  });

  it('computes nothing before it is asked', () => {
    let read = 0;
    const counted = {
      ...trace,
      get call() {
        read++;
        return trace.call;
      },
    };
    const calls = callsOf(counted);
    expect(read).toBe(0);
    expect(calls.column.symbols).toContain('read');
    expect(read).toBeGreaterThan(0);
  });

  it('holds of one trace what each thread does, folds, waits in and answers', () => {
    const calls = callsOf(trace);
    expect(calls.threadRows.map((rows) => [...rows])).toEqual([
      [1, 2, 3, 4, 5, 6],
      [0, 7, 8, 9, 10, 11],
    ]);
    expect(calls.loops.map(({ round }) => [...round])).toEqual([
      [0, 0, 0, 0, 0, 0],
      [1, 2, 2, 3, 3, 3],
    ]);
    expect(calls.dispatch.map((own) => [...own].map((call) => trace.callNames[call]))).toEqual([
      ['poll'],
      ['poll'],
    ]);
    expect(calls.requests).toEqual([{ received: 1, answered: 6, latencyNs: 4_000 }]);
    expect(calls.traits.traits).toContain('round 3');
  });
});

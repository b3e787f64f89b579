import { describe, expect, it } from 'vitest';
import { inheritFromWaker } from '../../signatures/pool-work.ts';
import { type ScriptedCall, scriptedTrace } from '../trace/scripted-trace.ts';

/** The main thread's wake at 100 µs under context 7 (row 1), and a pool thread that it lets go on. */
const wakeAndWork: ScriptedCall[] = [
  { thread: 1, call: 'futex', at: 0, duration: 150_000, result: 0 },
  { thread: 0, call: 'futex', at: 100_000, duration: 10_000, result: 1 },
  { thread: 1, call: 'pwrite64', at: 160_000 },
  { thread: 1, call: 'fsync', at: 170_000 },
  { thread: 1, call: 'futex', at: 180_000, duration: 1_000_000, result: 0 },
  { thread: 1, call: 'pread64', at: 1_190_000 },
];

describe('inheritFromWaker', () => {
  it('gives the calls of a pool thread the context of the wake that its work began with', () => {
    const contexts = Int32Array.of(0, 7, 0, 0, 0, 0);
    const share = inheritFromWaker(scriptedTrace(wakeAndWork), contexts);
    expect([...contexts.subarray(0, 4)]).toEqual([0, 7, 7, 7]);
    expect(share).toBeGreaterThan(0);
  });

  it('leaves a thread alone that shows functions of its own', () => {
    const contexts = Int32Array.of(0, 7, 0, 3, 0, 0);
    expect(inheritFromWaker(scriptedTrace(wakeAndWork), contexts)).toBe(0);
    expect([...contexts]).toEqual([0, 7, 0, 3, 0, 0]);
  });

  it('takes no wake of another process for one', () => {
    const contexts = Int32Array.of(0, 7, 0, 0, 0, 0);
    const threads = [
      { pid: 1, tid: 1, comm: 'a' },
      { pid: 2, tid: 2, comm: 'b' },
    ];
    expect(inheritFromWaker(scriptedTrace(wakeAndWork, { threads }), contexts)).toBe(0);
  });

  it('finds the wake of its own process also where another process wakes threads at the same time', () => {
    const threads = [
      { pid: 1, tid: 1, comm: 'a' },
      { pid: 1, tid: 2, comm: 'a' },
      { pid: 2, tid: 3, comm: 'b' },
    ];
    const other = { thread: 2, call: 'futex', at: 120_000, duration: 10_000, result: 1 };
    const contexts = Int32Array.of(0, 7, 9, 0, 0, 0, 0);
    inheritFromWaker(scriptedTrace([...wakeAndWork, other], { threads }), contexts);
    expect([...contexts.subarray(0, 5)]).toEqual([0, 7, 9, 7, 7]);
  });

  it('does nothing where nobody waits on a futex', () => {
    const contexts = Int32Array.of(7);
    expect(inheritFromWaker(scriptedTrace([{ call: 'read', at: 0 }]), contexts)).toBe(0);
    expect(inheritFromWaker(scriptedTrace([]), new Int32Array(0))).toBe(0);
    expect([...contexts]).toEqual([7]);
  });
});

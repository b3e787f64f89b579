import { describe, expect, it } from 'vitest';
import { callsOf } from '../../calls/calls.ts';
import { inheritFromWaker } from '../../signatures/pool-work.ts';
import { OPEN } from '../../trace/trace.ts';
import { type ScriptedCall, type ScriptedWindow, scriptedTrace } from '../trace/scripted-trace.ts';

/** A call with the context that the stacks gave it; 0, the root, where they show no user-defined function. */
interface PlacedCall extends ScriptedCall {
  readonly context?: number;
}

/** The context of each call afterwards, in time order. */
function inherited(calls: readonly PlacedCall[], window: ScriptedWindow = {}): number[] {
  const sorted = calls.toSorted((a, b) => a.at - b.at);
  const contexts = Int32Array.from(sorted, ({ context }) => context ?? 0);
  inheritFromWaker(callsOf(scriptedTrace(sorted, window)), contexts);
  return [...contexts];
}

const MAIN = 0;
const POOL = 1;
const wake = (at: number, context: number, more: Partial<PlacedCall> = {}): PlacedCall => {
  return { thread: MAIN, call: 'futex', at, duration: 10_000, result: 1, context, ...more };
};
const wait = (at: number, returned: number, more: Partial<PlacedCall> = {}): PlacedCall => {
  return { thread: POOL, call: 'futex', at, duration: returned - at, result: 0, ...more };
};
const work = (at: number, more: Partial<PlacedCall> = {}): PlacedCall => {
  return { thread: POOL, call: 'pwrite64', at, ...more };
};

describe('inheritFromWaker', () => {
  it('gives the calls of a pool thread the context of the wake that its work began with', () => {
    const calls = [wait(0, 150_000), wake(100_000, 7), work(160_000), work(170_000, { call: 'fsync' })];
    expect(inherited(calls)).toEqual([0, 7, 7, 7]);
  });

  it('gives the next piece of work the context of its own wake', () => {
    const calls = [
      wait(0, 150_000),
      wake(100_000, 7),
      work(160_000),
      wait(170_000, 1_050_000),
      wake(1_000_000, 8),
      work(1_060_000),
    ];
    expect(inherited(calls)).toEqual([0, 7, 7, 0, 8, 8]);
  });

  it('takes the last of several wakes before the return', () => {
    const calls = [wait(0, 150_000), wake(90_000, 6), wake(100_000, 7), wake(151_000, 8), work(160_000)];
    expect(inherited(calls)).toEqual([0, 6, 7, 8, 7]);
  });

  it('counts a wake that is entered in the very moment of the return', () => {
    expect(inherited([wait(0, 100_000), wake(100_000, 7), work(160_000)])).toEqual([0, 7, 7]);
  });

  it('counts a wake 5 ms before the return and none a nanosecond earlier', () => {
    const wakeBefore = (ns: number) => inherited([wait(0, 8e6), wake(8e6 - ns, 7), work(9e6)]);
    expect(wakeBefore(5e6)).toEqual([0, 7, 7]);
    expect(wakeBefore(5e6 + 1)).toEqual([0, 7, 0]);
  });

  it('counts no wake from before the wait began', () => {
    expect(inherited([wake(99_999, 7), wait(100_000, 150_000), work(160_000)])).toEqual([7, 0, 0]);
    expect(inherited([wake(100_000, 7), wait(100_000, 150_000), work(160_000)])).toEqual([7, 0, 7]);
  });

  it('goes on with the same work over waits that found the futex changed or did not return', () => {
    const begin = [wait(0, 150_000), wake(100_000, 7), work(160_000)];
    const changed = wait(170_000, 180_000, { result: -11 });
    expect(inherited([...begin, changed, wake(175_000, 8), work(190_000)])).toEqual([0, 7, 7, 0, 8, 7]);
    const open: PlacedCall = { thread: POOL, call: 'futex', at: 170_000, duration: OPEN };
    expect(inherited([...begin, open, work(190_000)])).toEqual([0, 7, 7, 0, 7]);
  });

  it('goes on with the same work where the trace does not show who woke the thread', () => {
    const begin = [wait(0, 150_000), wake(100_000, 7), work(160_000)];
    expect(inherited([...begin, wait(170_000, 9e6), work(9_100_000)])).toEqual([0, 7, 7, 0, 7]);
  });

  it('takes no futex call for a wake that woke nobody, or that was made under no user-defined function', () => {
    expect(inherited([wait(0, 150_000), wake(100_000, 7, { result: 0 }), work(160_000)])).toEqual([0, 7, 0]);
    const unplaced = wake(110_000, 0);
    expect(inherited([wait(0, 150_000), unplaced, work(160_000)])).toEqual([0, 0, 0]);
    expect(inherited([wait(0, 150_000), wake(100_000, 7), unplaced, work(160_000)])).toEqual([0, 7, 0, 7]);
  });

  it('takes no other call of the thread that woke for the wake', () => {
    const write = wake(110_000, 9, { call: 'write' });
    expect(inherited([wait(0, 150_000), wake(100_000, 7), write, work(160_000)])).toEqual([0, 7, 9, 7]);
  });

  it('leaves a thread alone that shows functions of its own', () => {
    const calls = [wait(0, 150_000), wake(100_000, 7), work(160_000, { context: 3 }), work(170_000)];
    expect(inherited(calls)).toEqual([0, 7, 3, 0]);
  });

  it('takes no wake of another process for one', () => {
    const threads = [
      { pid: 1, tid: 1, comm: 'a' },
      { pid: 2, tid: 2, comm: 'b' },
    ];
    expect(inherited([wait(0, 150_000), wake(100_000, 7), work(160_000)], { threads })).toEqual([0, 7, 0]);
  });

  it('finds the wake of its own process also where another process wakes threads at the same time', () => {
    const threads = [
      { pid: 1, tid: 1, comm: 'a' },
      { pid: 1, tid: 2, comm: 'a' },
      { pid: 2, tid: 3, comm: 'b' },
    ];
    const other = wake(120_000, 9, { thread: 2 });
    expect(inherited([wait(0, 150_000), wake(100_000, 7), other, work(160_000)], { threads })).toEqual([
      0, 7, 9, 7,
    ]);
  });

  it('does nothing where nobody waits on a futex, or nothing was called', () => {
    expect(
      inherited([
        { call: 'read', at: 0, context: 7 },
        { call: 'read', at: 1, thread: 1 },
      ]),
    ).toEqual([7, 0]);
    expect(inherited([])).toEqual([]);
  });
});

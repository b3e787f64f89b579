import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { callsOf } from '../../calls/calls.ts';
import { rowsUntil, wakerOf } from '../../calls/waits.ts';
import { OPEN } from '../../trace/trace.ts';
import { type ScriptedCall, type ScriptedWindow, scriptedTrace } from '../trace/scripted-trace.ts';

const WAITING = 0;
const wait: ScriptedCall = { thread: WAITING, call: 'futex', at: 0, duration: 10e6, result: 0 };
const wake = (thread: number, at: number, result = 1): ScriptedCall => {
  return { thread, call: 'futex', at, duration: 1_000, result };
};
/** Who ended the wait that is the first row. */
const waker = (others: readonly ScriptedCall[], window: ScriptedWindow = {}) =>
  wakerOf(callsOf(scriptedTrace([wait, ...others], window)), WAITING, 0);

describe('wakerOf', () => {
  it('is the thread whose wake came last before the wait returned', () => {
    expect(waker([wake(1, 9.1e6), wake(2, 9.5e6), wake(3, 9.3e6)])).toBe(2);
    expect(waker([wake(1, 9.9e6), wake(2, 10e6 + 1)])).toBe(1);
    expect(waker([wake(1, 10e6)])).toBe(1);
  });

  it('takes no wake from 5 ms before the return or earlier', () => {
    expect(waker([wake(1, 5e6 + 1)])).toBe(1);
    expect(waker([wake(1, 5e6)])).toBeNull();
  });

  it('looks past calls that woke nobody and calls that are no futex', () => {
    const later: ScriptedCall[] = [
      wake(1, 9.2e6, 0),
      wake(1, 9.3e6, -11),
      { thread: 1, call: 'read', at: 9.4e6, result: 1 },
    ];
    expect(waker([wake(1, 9.1e6), ...later])).toBe(1);
    expect(waker(later)).toBeNull();
  });

  it('takes neither the waiting thread itself nor a thread of another process', () => {
    expect(waker([wake(WAITING, 9.5e6)])).toBeNull();
    const threads = [1, 2].map((pid) => ({ pid, tid: pid, comm: '' }));
    expect(waker([wake(1, 9.5e6)], { threads })).toBeNull();
  });

  it('is nobody for a wait that did not return, and for a call that is no futex', () => {
    const trace = (first: ScriptedCall) => callsOf(scriptedTrace([first, wake(1, 9.5e6)]));
    expect(wakerOf(trace({ ...wait, duration: OPEN }), WAITING, 0)).toBeNull();
    expect(wakerOf(trace({ ...wait, call: 'read' }), WAITING, 0)).toBeNull();
  });
});

describe('rowsUntil', () => {
  it('counts the rows that were entered until a time, that moment included', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 12 }), fc.nat(22), (times, until) => {
        const trace = scriptedTrace(times.map((at) => ({ call: 'read', at })));
        const rows = times.map((_, row) => row);
        expect(rowsUntil(trace, rows, until)).toBe(times.filter((at) => at <= until).length);
      }),
    );
  });
});

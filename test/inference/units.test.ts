import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { callsOf } from '../../calls/calls.ts';
import { dispatchCalls } from '../../calls/dispatch.ts';
import { chooseGap, offCallNs, segment } from '../../inference/units.ts';
import { OPEN, type Trace } from '../../trace/trace.ts';
import { type ScriptedCall, scriptedTrace } from '../trace/scripted-trace.ts';
import { randomNumbers, serve } from './sample-service.ts';

const MS = 1e6;

/** A worker that waits in `wait`, then makes two calls, again and again. */
function worker(wait: string, rounds: number, thread = 0, fromNs = 0): ScriptedCall[] {
  return Array.from({ length: rounds }, (_, i) => {
    const at = fromNs + i * 10 * MS;
    return [
      { thread, call: wait, at, duration: 8 * MS },
      { thread, call: 'read', at: at + 8.01 * MS, duration: 0.01 * MS },
      { thread, call: 'write', at: at + 8.03 * MS, duration: 0.01 * MS },
    ];
  }).flat();
}

function dispatchNames(trace: Trace): string[][] {
  return dispatchCalls(trace).map((calls) => [...calls].map((call) => trace.callNames[call] as string));
}

/** Call names of each unit. */
function unitCalls(trace: Trace, gapNs: number): string[][] {
  const units = segment(callsOf(trace), gapNs);
  return Array.from({ length: units.length }, (_, unit) =>
    Array.from(
      units.rows.subarray(units.from[unit], units.to[unit]),
      (row) => trace.callNames[trace.call[row] as number] as string,
    ),
  );
}

describe('dispatchCalls', () => {
  it.each(['epoll_wait', 'accept', 'futex', 'clock_nanosleep', 'a_call_of_tomorrow'])(
    'finds that a thread waits for work in %s, by its waits and not by its name',
    (wait) => {
      expect(dispatchNames(scriptedTrace(worker(wait, 20)))).toEqual([[wait]]);
    },
  );

  it('takes no call for one that waited only now and then', () => {
    const calls = [...worker('epoll_wait', 20), { call: 'fsync', at: 9 * MS, duration: 90 * MS }];
    expect(dispatchNames(scriptedTrace(calls))).toEqual([['epoll_wait']]);
  });

  it('judges a thread that is only seen spinning by the others of its name', () => {
    const spin = Array.from({ length: 200 }, (_, i) => ({
      thread: 1,
      call: 'read',
      at: i * 1_000,
      duration: 10,
    }));
    const trace = scriptedTrace([...worker('accept', 20), ...spin]);
    expect(dispatchNames(trace)).toEqual([['accept'], ['accept']]);
    const other = scriptedTrace([...worker('accept', 20), ...spin], {
      threads: [
        { pid: 100, tid: 100, comm: 'server' },
        { pid: 100, tid: 101, comm: 'logger' },
      ],
    });
    expect(dispatchNames(other)).toEqual([['accept'], []]);
  });

  it('finds none in an empty trace, and none where every call is still open', () => {
    expect(dispatchNames(scriptedTrace([]))).toEqual([[]]);
    const open = Array.from({ length: 9 }, (_, thread) => ({
      thread,
      call: 'read',
      at: thread,
      duration: OPEN,
    }));
    expect(dispatchNames(scriptedTrace(open)).flat()).toEqual([]);
  });
});

describe('chooseGap', () => {
  it('lies between the short times inside bursts and the long ones between them, at any scale', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 120_000, max: 5_000_000 }),
        fc.integer({ min: 20, max: 1_000 }),
        (inner, factor) => {
          const outer = inner * factor;
          const calls: ScriptedCall[] = [];
          let at = 0;
          for (let burst = 0; burst < 30; burst++) {
            for (let i = 0; i < 6; i++) {
              calls.push({ call: 'read', at, duration: 100 });
              at += 100 + inner;
            }
            at += outer;
          }
          const gap = chooseGap(callsOf(scriptedTrace(calls)));
          expect(gap).toBeGreaterThan(inner);
          expect(gap).toBeLessThanOrEqual(outer + inner);
        },
      ),
    );
  });

  it('does not depend on time spent inside calls', () => {
    const calls = (inside: number) =>
      Array.from({ length: 50 }, (_, i) => ({
        call: 'read',
        at: i * (inside + 500_000) + Math.floor(i / 5) * 80 * MS,
        duration: inside,
      }));
    expect(chooseGap(callsOf(scriptedTrace(calls(10))))).toBe(
      chooseGap(callsOf(scriptedTrace(calls(900 * MS)))),
    );
  });

  it('is finite and positive whatever the trace holds', () => {
    const open = [{ call: 'read', at: 0, duration: OPEN }];
    for (const calls of [[], open, [{ call: 'read', at: 5 }], serve(0, 30, randomNumbers(1))]) {
      const gap = chooseGap(callsOf(scriptedTrace(calls)));
      expect(gap).toBeGreaterThan(0);
      expect(Number.isFinite(gap)).toBe(true);
    }
  });
});

describe('segment', () => {
  it('opens a unit at each dispatch call and leaves the wait out of its execution time', () => {
    const trace = scriptedTrace(worker('epoll_wait', 12));
    const units = segment(callsOf(trace), 1e12);
    expect(unitCalls(trace, 1e12)).toEqual(Array(12).fill(['epoll_wait', 'read', 'write']));
    expect(units.startNs[1]).toBe(18 * MS);
    expect(units.durationNs[1]).toBe(0.04 * MS);
  });

  it('never cuts inside or right after a long call', () => {
    const calls = [
      { call: 'read', at: 0, duration: 10 },
      { call: 'fsync', at: 1_000, duration: 5_000 * MS },
      { call: 'write', at: 5_000 * MS + 2_000, duration: 10 },
      { call: 'close', at: 9_000 * MS, duration: 10 },
    ];
    expect(unitCalls(scriptedTrace(calls), MS)).toEqual([['read', 'fsync', 'write'], ['close']]);
  });

  it('gives a unit whose last call has not returned no end', () => {
    const trace = scriptedTrace([
      { call: 'read', at: 0 },
      { call: 'futex', at: 2_000, duration: OPEN },
    ]);
    expect(segment(callsOf(trace), MS).durationNs[0]).toBe(OPEN);
  });

  it('puts every call into exactly one unit of its own thread, in time order', () => {
    const call = fc.record({
      thread: fc.nat(3),
      call: fc.constantFrom('read', 'epoll_wait', 'futex', 'write'),
      at: fc.nat(1_000 * MS),
      duration: fc.oneof({ weight: 9, arbitrary: fc.nat(20 * MS) }, fc.constant(OPEN)),
    });
    fc.assert(
      fc.property(
        fc.array(call, { maxLength: 60 }),
        fc.integer({ min: 1, max: 500 * MS }),
        (calls, gapNs) => {
          const trace = scriptedTrace(calls);
          const units = segment(callsOf(trace), gapNs);
          expect([...units.rows].sort((a, b) => a - b)).toEqual(calls.map((_, row) => row));
          let next = 0;
          for (let unit = 0; unit < units.length; unit++) {
            expect(units.from[unit]).toBe(next);
            expect(units.to[unit]).toBeGreaterThan(next);
            next = units.to[unit] as number;
            const rows = [...units.rows.subarray(units.from[unit], next)];
            expect(rows).toEqual(rows.toSorted((a, b) => a - b));
            expect(rows.every((row) => trace.thread[row] === units.thread[unit])).toBe(true);
            expect(units.durationNs[unit]).toBeGreaterThanOrEqual(0);
            for (const [i, row] of rows.entries()) {
              if (i > 0) expect(offCallNs(trace, rows[i - 1] as number, row)).toBeLessThanOrEqual(gapNs);
            }
          }
          expect(next).toBe(calls.length);
        },
      ),
    );
  });
});

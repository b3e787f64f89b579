import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cropTrace } from '../../trace/crop-trace.ts';
import { NO_RESULT, OPEN } from '../../trace/trace.ts';
import { scriptedTrace } from './scripted-trace.ts';

const call = fc.record({
  thread: fc.nat(2),
  call: fc.constantFrom('read', 'write'),
  at: fc.nat(1_000),
  duration: fc.oneof({ weight: 5, arbitrary: fc.nat(300) }, fc.constant(OPEN)),
  result: fc.integer({ min: -20, max: 20 }),
  fd: fc.nat(9),
  stack: fc.array(fc.constantFrom('main', 'serve', 'log'), { minLength: 1, maxLength: 3 }),
});
const cut = fc.tuple(fc.nat(1_200), fc.nat(1_200)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);

describe('cropTrace', () => {
  it('keeps the calls that begin in the span, and what a recorder of that span would know of each', () => {
    fc.assert(
      fc.property(fc.array(call, { maxLength: 40 }), cut, (calls, [from, to]) => {
        const trace = scriptedTrace(calls);
        const cropped = cropTrace(trace, from, to);
        const kept = [...trace.enterNs.keys()].filter((row) => {
          const enter = trace.enterNs[row] as number;
          return enter >= from && enter < to;
        });
        expect(cropped.length).toBe(kept.length);
        for (const [row, old] of kept.entries()) {
          const enter = trace.enterNs[old] as number;
          const open = enter + (trace.durationNs[old] as number) > to;
          expect(cropped.enterNs[row]).toBe(enter - from);
          expect(cropped.durationNs[row]).toBe(open ? OPEN : trace.durationNs[old]);
          expect(cropped.result[row]).toBe(open ? NO_RESULT : trace.result[old]);
          for (const name of ['thread', 'cpu', 'call', 'fd', 'stack'] as const) {
            expect(cropped[name]?.[row]).toBe(trace[name]?.[old]);
          }
        }
        expect(cropped.window.endNs).toBe(Math.max(0, Math.min(to, trace.window.endNs) - from));
        expect(cropped.window.startSeconds).toBeCloseTo(trace.window.startSeconds + from / 1e9, 9);
      }),
    );
  });

  it('changes nothing where the span is the whole window', () => {
    fc.assert(
      fc.property(fc.array(call, { maxLength: 40 }), (calls) => {
        const trace = scriptedTrace(calls);
        expect(cropTrace(trace, 0, trace.window.endNs + 1)).toEqual(trace);
      }),
    );
  });

  it('gives the same whether a span is cut out at once or in two steps', () => {
    fc.assert(
      fc.property(fc.array(call, { maxLength: 40 }), cut, cut, (calls, [a, b], [c, d]) => {
        fc.pre(c + d <= b - a);
        const trace = scriptedTrace(calls, { endNs: 2_000 });
        const { window: at, ...once } = cropTrace(trace, a + c, a + d);
        const { window: of, ...twice } = cropTrace(cropTrace(trace, a, b), c, d);
        expect(twice).toEqual(once);
        expect(of.endNs).toBe(at.endNs);
      }),
    );
  });

  it('keeps the switches and the losses of the span, and losses whose time nobody knows', () => {
    const times = Float64Array.of(5, 10, 15, 20);
    const zeros = new Int32Array(4);
    const trace = {
      ...scriptedTrace([{ call: 'read', at: 10 }], {
        endNs: 30,
        switches: {
          timeNs: times,
          cpu: Uint16Array.of(1, 2, 3, 4),
          previous: zeros,
          next: zeros,
          runnable: new Uint8Array(4),
        },
      }),
      losses: [
        { cpu: 0, timeNs: 9, events: 1 },
        { cpu: 0, timeNs: 19, events: 2 },
        { cpu: -1, timeNs: null, events: 3 },
      ],
    };
    const { switches, losses } = cropTrace(trace, 10, 20);
    expect([...(switches?.timeNs ?? [])]).toEqual([0, 5]);
    expect([...(switches?.cpu ?? [])]).toEqual([2, 3]);
    expect(losses.map(({ events }) => events)).toEqual([2, 3]);
  });
});

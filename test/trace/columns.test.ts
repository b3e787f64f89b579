import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { appendCall, createCallColumns, sealColumns } from '../../trace/call-columns.ts';
import { buffersOf, newColumns } from '../../trace/columns.ts';
import { callColumns, switchColumns, type Trace } from '../../trace/trace.ts';
import { scriptedTrace } from './scripted-trace.ts';

/** The memory of every typed array that can be reached from a value. */
function memoryWithin(value: unknown): ArrayBufferLike[] {
  if (ArrayBuffer.isView(value)) return [value.buffer];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(memoryWithin);
}

describe('the columns of a trace', () => {
  it('are all handed over with it, whatever it has', () => {
    const bare = scriptedTrace([{ call: 'read', at: 10 }]);
    const full: Trace = {
      ...scriptedTrace([{ call: 'read', at: 10, stack: ['main'] }]),
      switches: newColumns(switchColumns, 3),
    };
    for (const trace of [bare, full]) {
      const buffers = buffersOf(trace);
      expect(new Set(buffers)).toEqual(new Set(memoryWithin(trace)));
      const copy = structuredClone(trace, { transfer: buffers });
      expect(memoryWithin(trace).every((buffer) => buffer.byteLength === 0)).toBe(true);
      expect(copy.length).toBe(1);
    }
    expect(memoryWithin(full).length).toBe(memoryWithin(bare).length + 1 + 2 + 5);
  });

  it('are handed over once where they share their memory', () => {
    const trace = scriptedTrace([{ call: 'read', at: 10 }]);
    expect(buffersOf({ ...trace, fd: trace.result })).toHaveLength(buffersOf(trace).length - 1);
  });

  it('keep the rows of all columns together when they grow and are sorted; equal times keep their order', () => {
    const names = Object.keys(callColumns) as (keyof typeof callColumns)[];
    fc.assert(
      fc.property(
        fc.array(fc.nat(50), { minLength: 1, maxLength: 60 }),
        fc.boolean(),
        (times, withStacks) => {
          // More rows than there is room for at first.
          const enters = Array.from({ length: 5_000 }, (_, row) => times[row % times.length] as number);
          const columns = createCallColumns(withStacks);
          for (const [row, enterNs] of enters.entries()) {
            appendCall(columns, 0, 0, 0, 0);
            for (const name of names) if (columns[name] !== null) columns[name][row] = row;
            columns.enterNs[row] = enterNs;
          }
          sealColumns(columns);
          const order = [...enters.keys()].sort((a, b) => enters[a]! - enters[b]! || a - b);
          for (const name of names) {
            const expected = name === 'enterNs' ? order.map((row) => enters[row]) : order;
            const column = columns[name];
            if (name === 'stack' && !withStacks) expect(column).toBeNull();
            else expect(Array.from(column ?? [])).toEqual(expected);
          }
        },
      ),
      { numRuns: 20 },
    );
  });
});

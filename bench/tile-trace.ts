import { type Column, type ColumnType, mapColumns } from '../trace/columns.ts';
import { callColumns, OPEN, switchColumns, type Trace } from '../trace/trace.ts';

/**
 * The trace `times` over, one window after the other: a longer trace of the same make, for measuring growth. Calls
 * that were open at the end of the window stay open in the last copy only, and last until the next copy elsewhere.
 */
export function tileTrace(trace: Trace, times: number): Trace {
  const { length, window } = trace;
  const spanNs = window.endNs + 1;
  const repeat = (column: Column, Type: ColumnType): Column => {
    const repeated = new Type(column.length * times);
    for (let copy = 0; copy < times; copy++) repeated.set(column, copy * column.length);
    return repeated;
  };
  const shift = (timesNs: Float64Array): void => {
    const rows = timesNs.length / times;
    for (let row = 0; row < timesNs.length; row++) timesNs[row]! += Math.floor(row / rows) * spanNs;
  };
  const calls = mapColumns(callColumns, trace, repeat);
  shift(calls.enterNs);
  for (let row = 0; row < length * (times - 1); row++) {
    if (calls.durationNs[row] === OPEN) {
      calls.durationNs[row] = (Math.floor(row / length) + 1) * spanNs - calls.enterNs[row]!;
    }
  }
  const switches = trace.switches === null ? null : mapColumns(switchColumns, trace.switches, repeat);
  if (switches !== null) shift(switches.timeNs);
  return {
    ...trace,
    ...calls,
    length: length * times,
    switches,
    window: { ...window, endNs: spanNs * times - 1 },
  };
}

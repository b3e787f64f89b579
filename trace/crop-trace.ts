import { pickRows } from './columns.ts';
import { callColumns, NO_RESULT, OPEN, type Switches, switchColumns, type Trace } from './trace.ts';

/**
 * The part of a trace between two times (nanoseconds from its window's start), as a recorder would have seen it that
 * ran only then: calls entered before are gone, calls that return after are still open.
 */
export function cropTrace(trace: Trace, fromNs: number, toNs: number): Trace {
  const calls = pickRows(callColumns, trace, rowsBetween(trace.enterNs, fromNs, toNs));
  for (let row = 0; row < calls.enterNs.length; row++) {
    if (calls.enterNs[row]! + calls.durationNs[row]! > toNs) {
      calls.durationNs[row] = OPEN;
      calls.result[row] = NO_RESULT;
    }
    calls.enterNs[row]! -= fromNs;
  }
  const endNs = Math.min(toNs, trace.window.endNs) - fromNs;
  return {
    ...trace,
    ...calls,
    length: calls.enterNs.length,
    switches: trace.switches === null ? null : cropSwitches(trace.switches, fromNs, toNs),
    losses: trace.losses.filter(({ timeNs }) => timeNs === null || (timeNs >= fromNs && timeNs < toNs)),
    window: {
      startSeconds: trace.window.startSeconds + fromNs / 1e9,
      endNs: Math.max(0, endNs),
      coveredFromNs: Math.max(0, trace.window.coveredFromNs - fromNs),
    },
  };
}

function cropSwitches(switches: Switches, fromNs: number, toNs: number): Switches {
  const cropped = pickRows(switchColumns, switches, rowsBetween(switches.timeNs, fromNs, toNs));
  for (let row = 0; row < cropped.timeNs.length; row++) cropped.timeNs[row]! -= fromNs;
  return cropped;
}

function rowsBetween(timesNs: Float64Array, fromNs: number, toNs: number): number[] {
  const rows: number[] = [];
  for (let row = 0; row < timesNs.length; row++) {
    if (timesNs[row]! >= fromNs && timesNs[row]! < toNs) rows.push(row);
  }
  return rows;
}

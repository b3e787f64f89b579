import { NO_RESULT, OPEN, type Trace } from './trace.ts';

/**
 * The part of a trace between two times (nanoseconds from its window's start), as a recorder would have seen it that
 * ran only then: calls entered before are gone, calls that return after are still open.
 */
export function cropTrace(trace: Trace, fromNs: number, toNs: number): Trace {
  const rows: number[] = [];
  for (let row = 0; row < trace.length; row++) {
    const enter = trace.enterNs[row] as number;
    if (enter >= fromNs && enter < toNs) rows.push(row);
  }
  const endNs = Math.min(toNs, trace.window.endNs) - fromNs;
  const open = rows.map((row) => (trace.enterNs[row] as number) + (trace.durationNs[row] as number) > toNs);
  const switches = trace.switches;
  const switchRows: number[] = [];
  for (let i = 0; i < (switches?.timeNs.length ?? 0); i++) {
    const time = switches?.timeNs[i] as number;
    if (time >= fromNs && time < toNs) switchRows.push(i);
  }
  return {
    ...trace,
    length: rows.length,
    enterNs: Float64Array.from(rows, (row) => (trace.enterNs[row] as number) - fromNs),
    durationNs: Float64Array.from(rows, (row, i) => (open[i] ? OPEN : (trace.durationNs[row] as number))),
    thread: Uint32Array.from(rows, (row) => trace.thread[row] as number),
    cpu: Uint16Array.from(rows, (row) => trace.cpu[row] as number),
    call: Uint16Array.from(rows, (row) => trace.call[row] as number),
    result: Int32Array.from(rows, (row, i) => (open[i] ? NO_RESULT : (trace.result[row] as number))),
    fd: Int32Array.from(rows, (row) => trace.fd[row] as number),
    stack: trace.stack === null ? null : Int32Array.from(rows, (row) => trace.stack?.[row] as number),
    switches:
      switches === null
        ? null
        : {
            timeNs: Float64Array.from(switchRows, (i) => (switches.timeNs[i] as number) - fromNs),
            cpu: Uint16Array.from(switchRows, (i) => switches.cpu[i] as number),
            previous: Int32Array.from(switchRows, (i) => switches.previous[i] as number),
            next: Int32Array.from(switchRows, (i) => switches.next[i] as number),
            runnable: Uint8Array.from(switchRows, (i) => switches.runnable[i] as number),
          },
    losses: trace.losses.filter(({ timeNs }) => timeNs === null || (timeNs >= fromNs && timeNs < toNs)),
    window: {
      startSeconds: trace.window.startSeconds + fromNs / 1e9,
      endNs: Math.max(0, endNs),
      coveredFromNs: Math.max(0, trace.window.coveredFromNs - fromNs),
    },
  };
}

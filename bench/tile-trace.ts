import type { Switches, Trace } from '../trace/trace.ts';

/**
 * The trace `times` over, one window after the other: a longer trace of the same make, for measuring growth. Calls
 * that were open at the end of the window stay open in the last copy only, and last until the next copy elsewhere.
 */
export function tileTrace(trace: Trace, times: number): Trace {
  const { length, window } = trace;
  const spanNs = window.endNs + 1;
  const repeat = <T extends { set(from: T, at: number): void }>(from: T, into: T, rows: number): T => {
    for (let copy = 0; copy < times; copy++) into.set(from, copy * rows);
    return into;
  };
  const shifted = (from: Float64Array): Float64Array =>
    new Float64Array(from.length * times).map(
      (_, row) => from[row % from.length]! + Math.floor(row / from.length) * spanNs,
    );
  const enterNs = shifted(trace.enterNs);
  const durationNs = repeat(trace.durationNs, new Float64Array(length * times), length);
  for (let row = 0; row < length * (times - 1); row++) {
    if (durationNs[row] === Number.POSITIVE_INFINITY) {
      durationNs[row] = (Math.floor(row / length) + 1) * spanNs - enterNs[row]!;
    }
  }
  const tileSwitches = (switches: Switches): Switches => {
    const rows = switches.timeNs.length;
    return {
      timeNs: shifted(switches.timeNs),
      cpu: repeat(switches.cpu, new Uint16Array(rows * times), rows),
      previous: repeat(switches.previous, new Int32Array(rows * times), rows),
      next: repeat(switches.next, new Int32Array(rows * times), rows),
      runnable: repeat(switches.runnable, new Uint8Array(rows * times), rows),
    };
  };
  return {
    ...trace,
    length: length * times,
    enterNs,
    durationNs,
    thread: repeat(trace.thread, new Uint32Array(length * times), length),
    cpu: repeat(trace.cpu, new Uint16Array(length * times), length),
    call: repeat(trace.call, new Uint16Array(length * times), length),
    result: repeat(trace.result, new Int32Array(length * times), length),
    fd: repeat(trace.fd, new Int32Array(length * times), length),
    switches: trace.switches === null ? null : tileSwitches(trace.switches),
    stack: trace.stack === null ? null : repeat(trace.stack, new Int32Array(length * times), length),
    window: { ...window, endNs: spanNs * times - 1 },
  };
}

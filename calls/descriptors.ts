import { NO_FD, type Trace } from '../trace/trace.ts';

/**
 * Visits each pair of successive calls on one descriptor of one process, with the time from the first's return to the
 * second's enter. A closed descriptor's number starts anew.
 */
export function eachDescriptorGap(
  trace: Trace,
  visit: (previous: number, row: number, gapNs: number) => void,
): void {
  const last = new Map<number, number>();
  const closes = trace.callNames.map((name) => name === 'close');
  for (let row = 0; row < trace.length; row++) {
    const fd = trace.fd[row] as number;
    if (fd === NO_FD || fd < 0) continue;
    const key = (trace.threads[trace.thread[row] as number]?.pid ?? 0) * FD_RADIX + fd;
    const previous = last.get(key);
    if (previous !== undefined) {
      const returned = (trace.enterNs[previous] as number) + (trace.durationNs[previous] as number);
      visit(previous, row, Math.max(0, (trace.enterNs[row] as number) - returned));
    }
    if (closes[trace.call[row] as number]) last.delete(key);
    else last.set(key, row);
  }
}

const FD_RADIX = 2 ** 24;

import { OPEN, type Trace } from '../trace/trace.ts';
import type { Calls } from './calls.ts';

/** A wake counts for the wait that ends within this time of it. */
export const WAKE_NS = 5e6;

/** The thread (index) whose futex wake ended this thread's futex wait, where the trace shows one right before. */
export function wakerOf(
  { trace, threadRows }: Pick<Calls, 'trace' | 'threadRows'>,
  thread: number,
  row: number,
): number | null {
  if (trace.callNames[trace.call[row] as number] !== 'futex' || trace.durationNs[row] === OPEN) return null;
  const returned = (trace.enterNs[row] as number) + (trace.durationNs[row] as number);
  let waker: number | null = null;
  let latest = returned - WAKE_NS;
  for (const [other, rows] of threadRows.entries()) {
    if (other === thread || trace.threads[other]?.pid !== trace.threads[thread]?.pid) continue;
    for (let i = rowsUntil(trace, rows, returned) - 1; i >= 0; i--) {
      const candidate = rows[i] as number;
      if ((trace.enterNs[candidate] as number) <= latest) break;
      if (trace.callNames[trace.call[candidate] as number] !== 'futex') continue;
      if ((trace.result[candidate] as number) <= 0) continue;
      latest = trace.enterNs[candidate] as number;
      waker = other;
      break;
    }
  }
  return waker;
}

/** How many of the rows, which are in time order, were entered until then. */
export function rowsUntil(trace: Trace, rows: ArrayLike<number>, timeNs: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((trace.enterNs[rows[middle] as number] as number) <= timeNs) low = middle + 1;
    else high = middle;
  }
  return low;
}

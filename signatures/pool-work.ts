import { rowsByThread } from '../calls/threads.ts';
import { OPEN, type Trace } from '../trace/trace.ts';
import { ROOT_CONTEXT } from './call-tree.ts';

/** A wake counts for the work that begins at most this long after it. */
const WAKE_NS = 5e6;

/**
 * Threads of a runtime's pool (libuv's) do the calls of someone else: no user-defined function is ever on their stacks.
 * The one that asked for the work shows on another thread, at the futex wake right before the pool thread wakes up.
 * Such a thread's calls are given the context of that wake, until it waits again.
 *
 * @param contexts context per call (call-tree.ts), changed in place
 * @returns share (0…1) of the calls that got a context so
 */
export function inheritFromWaker(trace: Trace, contexts: Int32Array): number {
  const futex = trace.callNames.indexOf('futex');
  if (futex < 0 || trace.length === 0) return 0;
  const threadRows = rowsByThread(trace);
  const wakesOf = new Map<number, number[]>();
  for (let row = 0; row < trace.length; row++) {
    if (trace.call[row] !== futex || (trace.result[row] as number) <= 0 || contexts[row] === ROOT_CONTEXT)
      continue;
    const pid = trace.threads[trace.thread[row] as number]?.pid ?? 0;
    const wakes = wakesOf.get(pid);
    if (wakes === undefined) wakesOf.set(pid, [row]);
    else wakes.push(row);
  }
  let inherited = 0;
  for (const rows of threadRows) {
    if (rows.some((row) => contexts[row] !== ROOT_CONTEXT)) continue;
    let context = ROOT_CONTEXT;
    for (const row of rows) {
      const duration = trace.durationNs[row] as number;
      if (trace.call[row] !== futex) {
        contexts[row] = context;
        if (context !== ROOT_CONTEXT) inherited++;
        continue;
      }
      if (trace.result[row] !== 0 || duration === OPEN) continue;
      const enter = trace.enterNs[row] as number;
      const pid = trace.threads[trace.thread[row] as number]?.pid ?? 0;
      const wake = latestBefore(trace, wakesOf.get(pid) ?? [], enter + duration);
      if (wake === null) {
        context = ROOT_CONTEXT;
      } else if ((trace.enterNs[wake] as number) >= Math.max(enter, enter + duration - WAKE_NS)) {
        context = contexts[wake] as number;
      }
    }
  }
  return inherited / trace.length;
}

function latestBefore(trace: Trace, rows: readonly number[], timeNs: number): number | null {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((trace.enterNs[rows[middle] as number] as number) <= timeNs) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? null : (rows[low - 1] as number);
}

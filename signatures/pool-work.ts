import type { Calls } from '../calls/calls.ts';
import { pidOf } from '../calls/threads.ts';
import { rowsUntil, WAKE_NS } from '../calls/waits.ts';
import { OPEN } from '../trace/trace.ts';
import { ROOT_CONTEXT } from './call-tree.ts';

/**
 * Threads of a runtime's pool (libuv's) do the calls of someone else: no user-defined function is ever on their stacks.
 * The one that asked for the work shows on another thread, at the futex wake right before the pool thread wakes up.
 * Such a thread's calls are given the context of that wake, until it is woken by another.
 *
 * @param contexts context per call (call-tree.ts), changed in place
 */
export function inheritFromWaker(
  { trace, threadRows }: Pick<Calls, 'trace' | 'threadRows'>,
  contexts: Int32Array,
): void {
  const futex = trace.callNames.indexOf('futex');
  if (futex < 0) return;
  const wakesOf = new Map<number, number[]>();
  for (let row = 0; row < trace.length; row++) {
    if (trace.call[row] !== futex || (trace.result[row] as number) <= 0 || contexts[row] === ROOT_CONTEXT)
      continue;
    const pid = pidOf(trace, row);
    const wakes = wakesOf.get(pid);
    if (wakes === undefined) wakesOf.set(pid, [row]);
    else wakes.push(row);
  }
  for (const rows of threadRows) {
    if (rows.some((row) => contexts[row] !== ROOT_CONTEXT)) continue;
    let context = ROOT_CONTEXT;
    for (const row of rows) {
      if (trace.call[row] !== futex) {
        contexts[row] = context;
        continue;
      }
      const durationNs = trace.durationNs[row] as number;
      if (trace.result[row] !== 0 || durationNs === OPEN) continue;
      const enterNs = trace.enterNs[row] as number;
      const returnedNs = enterNs + durationNs;
      const wakes = wakesOf.get(pidOf(trace, row)) ?? [];
      const wake = wakes[rowsUntil(trace, wakes, returnedNs) - 1];
      if (wake !== undefined && (trace.enterNs[wake] as number) >= Math.max(enterNs, returnedNs - WAKE_NS)) {
        context = contexts[wake] as number;
      }
    }
  }
}

/** What can be said of a trace without inference, for the day when there is no time for more. */

import type { Trace } from '../trace/trace.ts';
import { count, plural, seconds } from './figures.ts';

/** Busiest calls named. */
const NAMED_CALLS = 5;

export function traceFacts(trace: Trace): string {
  const counts = new Float64Array(trace.callNames.length);
  for (let row = 0; row < trace.length; row += 1) {
    const call = trace.call[row]!;
    counts[call] = counts[call]! + 1;
  }
  const busiest = trace.callNames
    .map((name, call) => ({ name, times: counts[call] ?? 0 }))
    .sort((a, b) => b.times - a.times || (a.name < b.name ? -1 : 1))
    .slice(0, NAMED_CALLS)
    .map(({ name, times }) => `${name} (${count(times)})`);
  return `The trace has ${plural(trace.length, 'system call')} of ${plural(trace.threads.length, 'thread')} in ${seconds(trace.window.endNs / 1e9)}; the busiest: ${busiest.join(', ')}.`;
}

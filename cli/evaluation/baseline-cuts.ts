import { cropTrace } from '../../trace/crop-trace.ts';
import type { Trace } from '../../trace/trace.ts';

const CUT_NS = 10e9;
const STEP_NS = 1e9;

/** A healthy trace cut in halves, and its busiest and its quietest ten seconds: all must be normal too. */
export function baselineCuts(trace: Trace): { readonly name: string; readonly trace: Trace }[] {
  const endNs = trace.window.endNs;
  const cuts = [
    { name: 'first half', trace: cropTrace(trace, 0, endNs / 2) },
    { name: 'second half', trace: cropTrace(trace, endNs / 2, endNs + 1) },
  ];
  if (endNs < 2 * CUT_NS) return cuts;
  let busiest = { from: 0, calls: -1 };
  let quietest = { from: 0, calls: Number.POSITIVE_INFINITY };
  for (let from = 0; from + CUT_NS <= endNs; from += STEP_NS) {
    const calls = firstRowAt(trace, from + CUT_NS) - firstRowAt(trace, from);
    if (calls > busiest.calls) busiest = { from, calls };
    if (calls < quietest.calls) quietest = { from, calls };
  }
  return [
    ...cuts,
    { name: 'busiest 10 s', trace: cropTrace(trace, busiest.from, busiest.from + CUT_NS) },
    { name: 'quietest 10 s', trace: cropTrace(trace, quietest.from, quietest.from + CUT_NS) },
  ];
}

function firstRowAt(trace: Trace, timeNs: number): number {
  let low = 0;
  let high = trace.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((trace.enterNs[middle] as number) < timeNs) low = middle + 1;
    else high = middle;
  }
  return low;
}

import { foldLoops } from '../calls/loops.ts';
import type { SymbolColumn } from '../calls/symbols.ts';
import type { PathStep } from '../report/report.ts';
import { OPEN, type Trace } from '../trace/trace.ts';
import type { Finding } from './evidence.ts';

/** Calls shown before the onset, after it, steps in all, and threads followed. */
const CALLS_BEFORE = 6;
const CALLS_AFTER = 4_000;
const MAX_STEPS = 24;
const MAX_THREADS = 3;
/** Calls of one step: a page line; a longer run without a loop is several steps. */
export const MAX_STEP_CALLS = 48;
/** A wake counts for the wait that ends within this time of it. */
const WAKE_NS = 2e6;

/** The calls that led into the abnormality and what it did then: per affected thread, loops folded. */
export function abnormalPath(
  finding: Finding,
  trace: Trace,
  column: SymbolColumn,
  threadRows: readonly Uint32Array[],
): PathStep[] {
  const steps: { readonly at: number; readonly step: PathStep }[] = [];
  for (const thread of finding.threads.slice(0, MAX_THREADS)) {
    const rows = threadRows[thread] as Uint32Array;
    let first = rows.findIndex((row) => (trace.enterNs[row] as number) >= finding.onsetNs);
    if (first < 0) first = rows.length;
    const from = Math.max(0, first - CALLS_BEFORE);
    const own = rows.subarray(from, first + CALLS_AFTER);
    for (const { begin, end, period } of runs(
      Uint16Array.from(own, (row) => column.ids[row] as number),
    ).slice(0, MAX_STEPS)) {
      const row = own[begin] as number;
      const last = own[end - 1] as number;
      const enter = trace.enterNs[row] as number;
      const returned = (trace.enterNs[last] as number) + (trace.durationNs[last] as number);
      steps.push({
        at: enter,
        step: {
          time: trace.window.startSeconds + enter / 1e9,
          thread: trace.threads[thread] as PathStep['thread'],
          calls: Array.from(own.subarray(begin, begin + period), (r) =>
            label(column.symbols[column.ids[r] as number] as string),
          ),
          repeat: (end - begin) / period,
          duration: returned === OPEN ? null : (returned - enter) / 1e9,
          wokenBy: waker(trace, threadRows, thread, row),
        },
      });
    }
  }
  return steps
    .sort((a, b) => a.at - b.at)
    .map(({ step }) => step)
    .slice(0, MAX_STEPS * 2);
}

function label(symbol: string): string {
  return symbol.replace('=', '→').replace('?', '→…');
}

interface Run {
  readonly begin: number;
  readonly end: number;
  readonly period: number;
}

/** Consecutive calls as runs: a folded loop is one run with its period, all else are runs of one round. */
function runs(symbols: Uint16Array): Run[] {
  const found: Run[] = [];
  const { round } = foldLoops(symbols);
  const addPlain = (from: number, to: number) => {
    for (let begin = from; begin < to; begin += MAX_STEP_CALLS) {
      const end = Math.min(to, begin + MAX_STEP_CALLS);
      found.push({ begin, end, period: end - begin });
    }
  };
  let plain = 0;
  let at = 0;
  while (at < symbols.length) {
    if (round[at] === 0) {
      at++;
      continue;
    }
    addPlain(plain, at);
    let end = at;
    while (end < symbols.length && (round[end] as number) >= (round[Math.max(at, end - 1)] as number)) end++;
    const period = periodOf(symbols.subarray(at, end));
    const whole = at + Math.floor((end - at) / period) * period;
    found.push({ begin: at, end: whole, period });
    at = whole;
    plain = whole;
    while (at < end) at++;
  }
  addPlain(plain, at);
  return found;
}

function periodOf(symbols: Uint16Array): number {
  for (let period = 1; period < symbols.length; period++) {
    let same = true;
    for (let i = period; i < symbols.length && same; i++) same = symbols[i] === symbols[i - period];
    if (same) return period;
  }
  return symbols.length;
}

/** The thread whose futex wake ended this thread's futex wait, where the trace shows one right before. */
function waker(
  trace: Trace,
  threadRows: readonly Uint32Array[],
  thread: number,
  row: number,
): PathStep['wokenBy'] {
  if (trace.callNames[trace.call[row] as number] !== 'futex' || trace.durationNs[row] === OPEN) return null;
  const returned = (trace.enterNs[row] as number) + (trace.durationNs[row] as number);
  let best: { tid: number; comm: string } | null = null;
  let latest = returned - WAKE_NS;
  for (const [other, rows] of threadRows.entries()) {
    if (other === thread || trace.threads[other]?.pid !== trace.threads[thread]?.pid) continue;
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((trace.enterNs[rows[middle] as number] as number) <= returned) low = middle + 1;
      else high = middle;
    }
    for (let i = low - 1; i >= 0 && (trace.enterNs[rows[i] as number] as number) > latest; i--) {
      const candidate = rows[i] as number;
      if (
        trace.callNames[trace.call[candidate] as number] !== 'futex' ||
        (trace.result[candidate] as number) <= 0
      )
        continue;
      latest = trace.enterNs[candidate] as number;
      best = { tid: trace.threads[other]?.tid ?? 0, comm: trace.threads[other]?.comm ?? '' };
      break;
    }
  }
  return best;
}

import type { Calls } from '../calls/calls.ts';
import { foldLoops } from '../calls/loops.ts';
import { wakerOf } from '../calls/waits.ts';
import type { Finding } from './finding.ts';

/** Calls that one thread made in a row; a folded loop is one span. */
export interface PathSpan {
  /** Thread (index). */
  readonly thread: number;
  /** First call (row), … */
  readonly row: number;
  /** … and the last one, of the last round. */
  readonly lastRow: number;
  /** Symbols (ids of the trace's column) of one round. */
  readonly symbols: readonly number[];
  /** How often in a row they were made. */
  readonly repeat: number;
  /** Thread (index) that woke this one for the first call, where the trace shows it; else null. */
  readonly wokenBy: number | null;
}

/** Calls shown before the onset, after it, steps in all, and threads followed. */
const CALLS_BEFORE = 6;
const CALLS_AFTER = 4_000;
const MAX_STEPS = 24;
const MAX_THREADS = 3;
/** Calls of one step: a page line; a longer run without a loop is several steps. */
export const MAX_STEP_CALLS = 48;
/** The calls that led into the abnormality and what it did then: per affected thread, loops folded. */
export function abnormalPath(finding: Finding, calls: Calls): PathSpan[] {
  const { trace, column, threadRows } = calls;
  const spans: PathSpan[] = [];
  for (const thread of finding.threads.slice(0, MAX_THREADS)) {
    const rows = threadRows[thread] as Uint32Array;
    let first = rows.findIndex((row) => (trace.enterNs[row] as number) >= finding.onsetNs);
    if (first < 0) first = rows.length;
    const from = Math.max(0, first - CALLS_BEFORE);
    const own = rows.subarray(from, first + CALLS_AFTER);
    const symbols = Uint16Array.from(own, (row) => column.ids[row] as number);
    for (const { begin, end, period } of runs(symbols).slice(0, MAX_STEPS)) {
      const row = own[begin] as number;
      spans.push({
        thread,
        row,
        lastRow: own[end - 1] as number,
        symbols: [...symbols.subarray(begin, begin + period)],
        repeat: (end - begin) / period,
        wokenBy: wakerOf(calls, thread, row),
      });
    }
  }
  return spans
    .sort((a, b) => (trace.enterNs[a.row] as number) - (trace.enterNs[b.row] as number))
    .slice(0, MAX_STEPS * 2);
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

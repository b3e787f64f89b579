import type { Calls } from '../calls/calls.ts';
import { OPEN, type Trace } from '../trace/trace.ts';

/**
 * Execution units, columnar: unit u holds the calls `rows[from[u]] … rows[to[u] - 1]` of one thread. A unit opens with
 * the dispatch call that brought its work (where there is one); the wait inside that call is not part of its
 * execution time.
 */
export interface Units {
  readonly length: number;
  /** Row numbers, grouped by thread, in time order. */
  readonly rows: Uint32Array;
  readonly from: Uint32Array;
  readonly to: Uint32Array;
  readonly thread: Uint32Array;
  /** Nanoseconds from the window's start: when the dispatch call returned, or the first call's enter. */
  readonly startNs: Float64Array;
  /** Execution time, nanoseconds; OPEN while its last call had not returned. */
  readonly durationNs: Float64Array;
}

/** Without two clear kinds of off-call times, those above this quantile of their distribution end a unit. */
const GAP_QUANTILE = 0.999;
/** Share of the variance that lies between two kinds of off-call times (Otsu's separability) for them to be clear. */
const CLEAR_SEPARATION = 0.9;
/** perf script prints microseconds: no off-call time is known better. */
const CLOCK_STEP_NS = 1_000;
const BINS_PER_OCTAVE = 8;
const BINS = 54 * BINS_PER_OCTAVE;

/**
 * The time gap from the data, the distribution of the off-call times (from one call's return to the next call's enter
 * on the same thread) on a logarithmic scale. Where it has two clear kinds, bursts and the rests between them, the gap
 * is Otsu's threshold (IEEE Trans. SMC 1979). Most servers have not: there the rarest thousandth is longer than the gap.
 * Time inside a call never counts.
 *
 * @returns nanoseconds
 */
export function chooseGap({ trace, threadRows }: Calls): number {
  const histogram = new Float64Array(BINS);
  let pairs = 0;
  for (const rows of threadRows) {
    for (let i = 1; i < rows.length; i++) {
      const off = Math.max(CLOCK_STEP_NS, offCallNs(trace, rows[i - 1] as number, rows[i] as number));
      histogram[Math.min(BINS - 1, Math.floor(Math.log2(off) * BINS_PER_OCTAVE))]!++;
      pairs++;
    }
  }
  if (pairs === 0) return CLOCK_STEP_NS;
  const { bin, separation } = otsuThreshold(histogram);
  return Math.round(
    2 ** ((separation >= CLEAR_SEPARATION ? bin : quantileBin(histogram, pairs)) / BINS_PER_OCTAVE),
  );
}

/** Upper bound of the bin that holds GAP_QUANTILE of all. */
function quantileBin(histogram: Float64Array, total: number): number {
  let below = 0;
  for (const [bin, count] of histogram.entries()) {
    below += count;
    if (below >= GAP_QUANTILE * total) return bin + 1;
  }
  return BINS;
}

/** Otsu's threshold in the middle of the empty bins between the two kinds, and how well it separates them (0…1). */
function otsuThreshold(histogram: Float64Array): { readonly bin: number; readonly separation: number } {
  let total = 0;
  let sum = 0;
  let squares = 0;
  for (const [bin, count] of histogram.entries()) {
    total += count;
    sum += bin * count;
    squares += bin * bin * count;
  }
  const variance = squares / total - (sum / total) ** 2;
  let below = 0;
  let belowSum = 0;
  let best = 0;
  let first = 0;
  let last = 0;
  for (const [bin, count] of histogram.entries()) {
    below += count;
    belowSum += bin * count;
    const above = total - below;
    if (below === 0 || above === 0) continue;
    const between = ((below * above) / total ** 2) * (belowSum / below - (sum - belowSum) / above) ** 2;
    if (between > best) {
      best = between;
      first = bin;
    }
    if (between === best) last = bin;
  }
  return { bin: Math.round((first + last) / 2) + 1, separation: variance > 0 ? best / variance : 0 };
}

/** Time between the return of one call and the enter of the next on the same thread, nanoseconds, never negative. */
export function offCallNs(trace: Trace, previous: number, row: number): number {
  const end = (trace.enterNs[previous] as number) + (trace.durationNs[previous] as number);
  return end === OPEN ? 0 : Math.max(0, (trace.enterNs[row] as number) - end);
}

/** Cuts each thread's calls into execution units: at dispatch calls and at time gaps (outside calls only). */
export function segment({ trace, threadRows, dispatch }: Calls, gapNs: number): Units {
  const rows = new Uint32Array(trace.length);
  const from: number[] = [];
  const to: number[] = [];
  const thread: number[] = [];
  const startNs: number[] = [];
  const durationNs: number[] = [];
  let at = 0;
  for (const [index, own] of threadRows.entries()) {
    rows.set(own, at);
    const waits = dispatch[index] as ReadonlySet<number>;
    let begin = 0;
    for (let i = 1; i <= own.length; i++) {
      const cut =
        i === own.length ||
        waits.has(trace.call[own[i] as number] as number) ||
        offCallNs(trace, own[i - 1] as number, own[i] as number) > gapNs;
      if (!cut) continue;
      const first = own[begin] as number;
      const last = own[i - 1] as number;
      const opensWithDispatch = waits.has(trace.call[first] as number);
      const enter = trace.enterNs[first] as number;
      const returned = enter + (trace.durationNs[first] as number);
      const start = opensWithDispatch && returned !== OPEN ? returned : enter;
      const end = (trace.enterNs[last] as number) + (trace.durationNs[last] as number);
      from.push(at + begin);
      to.push(at + i);
      thread.push(index);
      startNs.push(start);
      durationNs.push(end === OPEN ? OPEN : Math.max(0, end - start));
      begin = i;
    }
    at += own.length;
  }
  return {
    length: from.length,
    rows,
    from: Uint32Array.from(from),
    to: Uint32Array.from(to),
    thread: Uint32Array.from(thread),
    startNs: Float64Array.from(startNs),
    durationNs: Float64Array.from(durationNs),
  };
}

/** The unit that each call lies in. */
export function unitOfRow(units: Units): Uint32Array {
  const unitOf = new Uint32Array(units.rows.length);
  for (let unit = 0; unit < units.length; unit++) {
    for (let i = units.from[unit] as number; i < (units.to[unit] as number); i++) {
      unitOf[units.rows[i] as number] = unit;
    }
  }
  return unitOf;
}

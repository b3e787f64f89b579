import type { Calls } from '../calls/calls.ts';

/** Rates are compared in bins: at most so many, each long enough to hold two periods of a CPU quota (100 ms). */
const MAX_BINS = 200;
const LEAST_BIN_NS = 0.25e9;
const MIN_BINS = 8;

/** How often each symbol was called, bin by bin. */
export interface CallRates {
  readonly symbols: number;
  readonly bins: number;
  readonly binNs: number;
  /** Calls of a symbol (id of the trace's column) per bin. */
  binsOf(symbol: number): Float64Array;
  /** Calls of a symbol a second in the bins from `from` up to `to`; 0 where there is no such bin. */
  rate(symbol: number, from: number, to: number): number;
}

export function callRates({ trace, column }: Calls): CallRates {
  const symbols = column.symbols.length;
  const { endNs } = trace.window;
  const bins = Math.max(MIN_BINS, Math.min(MAX_BINS, Math.floor(endNs / LEAST_BIN_NS)));
  const binNs = endNs / bins;
  const stride = bins + 1;
  /** Per symbol, its calls before each bin's beginning and, last, all of them: a rate is one difference. */
  const until = new Float64Array(symbols * stride);
  for (let row = 0; row < trace.length; row++) {
    const bin = Math.min(bins - 1, Math.floor((trace.enterNs[row] as number) / binNs));
    until[(column.ids[row] as number) * stride + bin + 1]!++;
  }
  for (let symbol = 0; symbol < symbols; symbol++) {
    const first = symbol * stride;
    for (let at = first + 1; at < first + stride; at++) until[at]! += until[at - 1] as number;
  }
  const between = (symbol: number, from: number, to: number) =>
    (until[symbol * stride + to] as number) - (until[symbol * stride + from] as number);
  return {
    symbols,
    bins,
    binNs,
    binsOf: (symbol) => Float64Array.from({ length: bins }, (_, bin) => between(symbol, bin, bin + 1)),
    rate: (symbol, from, to) => (to <= from ? 0 : between(symbol, from, to) / (((to - from) * binNs) / 1e9)),
  };
}

export function total(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/**
 * The bin in which the rate rises most by the Poisson log likelihood ratio, at least so many bins before the end; null
 * where it never rises.
 */
export function risingSplit(bins: Float64Array, leastAfter = 1): number | null {
  const all = total(bins);
  if (all === 0) return null;
  let best = 0;
  let split: number | null = null;
  let before = 0;
  for (let at = 0; at <= bins.length - Math.max(2, leastAfter); at++) {
    const after = all - before;
    const left = at;
    const right = bins.length - at;
    if (at > 0 && after / right > before / left) {
      const ratio = xlogx(before, left) + xlogx(after, right) - xlogx(all, bins.length);
      if (ratio > best) {
        best = ratio;
        split = at;
      }
    }
    before += bins[at] as number;
  }
  return split;
}

function xlogx(count: number, length: number): number {
  return count === 0 ? 0 : count * Math.log(count / length);
}

/** Symbols rarer than this, calls a second, tell nothing of the load. */
const LEAST_LOAD_RATE = 0.5;
/** Fewer symbols than these have no middle to speak of. */
const LEAST_LOAD_SYMBOLS = 4;

/**
 * How many times as much work is done as at a reference: the median over symbols of how often they are called against
 * it, each symbol counting once. A loop raises a few symbols, load raises most. At least 1: less work than usual makes
 * nothing more abnormal.
 */
export function loadFactor(
  now: (symbol: number) => number,
  reference: (symbol: number) => number,
  symbols: number,
): number {
  const ratios: number[] = [];
  for (let symbol = 0; symbol < symbols; symbol++) {
    const usual = reference(symbol);
    if (usual >= LEAST_LOAD_RATE) ratios.push(now(symbol) / usual);
  }
  if (ratios.length < LEAST_LOAD_SYMBOLS) return 1;
  ratios.sort((a, b) => a - b);
  return Math.max(1, ratios[ratios.length >> 1] as number);
}

import type { LoopFinding } from './finding.ts';
import type { Observation } from './observation.ts';

/** Rates are compared in bins: at most so many, each long enough to hold two periods of a CPU quota (100 ms). */
const MAX_BINS = 200;
const LEAST_BIN_NS = 0.25e9;
const MIN_BINS = 8;
/** A burst at the window's end that is shorter may be over a moment later: timers come in bursts too. */
const LEAST_SPIN_NS = 1e9;
/** A symbol belongs to the loop when its rate rose this far above anything normal … */
const RATE_RATIO = 4;
/** … by at least this many calls … */
const MINIMUM_EXCESS_CALLS = 60;
/** … and all such symbols make up this share of the calls of their threads since the onset. */
const MINIMUM_SHARE = 0.3;
/** A symbol that neither the profiles nor the time before show needs a smaller share (one call of a long loop body) … */
const MINIMUM_UNHEARD_SHARE = 0.03;
/** … if it comes this often for each request: one failure a request is another workload, not a loop. */
const CALLS_PER_REQUEST = 5;
/** Threads that make less than this share of the leading symbol's excess calls only happen to make some. */
const LEAST_THREAD_SHARE = 0.02;
/** Rates below this are noise, calls per second. */
const RATE_FLOOR = 4;
/** A busier hour has the same mix of calls: above this cosine it is load, not a loop. */
const SAME_MIX = 0.9;
/** The split is found in bins: so much of a new symbol may lie before it. */
const UNHEARD_BEFORE = 0.02;
/** A loop whose calls lie, up to this share, within requests that their thread goes on to answer is work, only more. */
const ENDLESS_SHARE = 0.8;
/** The loop must run in this share of the bins after its onset: a burst that ends is not one. */
const PERSISTENCE = 0.5;

/**
 * Finds calls that since some moment repeat far above their normal rate (a spin: endless small normal units, or one
 * unit that loops). The moment is where a Poisson likelihood ratio of the rates before and after is highest; normal is
 * the larger of the rate before it and the signature set's.
 */
export function detectLoop(observation: Observation): LoopFinding | null {
  const { trace, column } = observation.calls;
  const normalRate = observation.knowledge?.rate ?? null;
  const endNs = trace.window.endNs;
  if (trace.length < MINIMUM_EXCESS_CALLS || endNs <= 0) return null;
  const symbols = column.symbols.length;
  const bins = Math.max(MIN_BINS, Math.min(MAX_BINS, Math.floor(endNs / LEAST_BIN_NS)));
  const binNs = endNs / bins;
  const counts = new Float64Array(symbols * bins);
  for (let row = 0; row < trace.length; row++) {
    const bin = Math.min(bins - 1, Math.floor((trace.enterNs[row] as number) / binNs));
    counts[(column.ids[row] as number) * bins + bin]!++;
  }
  const rise = risingSymbols(counts, symbols, binNs, normalRate);
  if (rise === null) return null;
  const { leader, split, loop, unheard } = rise;
  const leading = counts.subarray(leader * bins, (leader + 1) * bins);
  if (!persists(leading, split)) return null;
  if (!unheard && sameMix(counts, symbols, split, normalRate)) return null;

  const onsetNs = firstBurst(observation, leader, split * binNs, binNs);
  const after = new Float64Array(trace.threads.length);
  const inLoop = new Float64Array(trace.threads.length);
  for (let row = 0; row < trace.length; row++) {
    if ((trace.enterNs[row] as number) < onsetNs) continue;
    const thread = trace.thread[row] as number;
    after[thread]!++;
    if (loop.has(column.ids[row] as number)) inLoop[thread]!++;
  }
  const threads = [...inLoop.keys()]
    .filter((thread) => (inLoop[thread] as number) > LEAST_THREAD_SHARE * (loop.get(leader) as number))
    .sort((a, b) => (inLoop[b] as number) - (inLoop[a] as number) || a - b);
  const sum = (of: Float64Array) => threads.reduce((total, thread) => total + (of[thread] as number), 0);
  const share = sum(inLoop) / Math.max(1, sum(after));
  if (share < (unheard && split > 0 ? MINIMUM_UNHEARD_SHARE : MINIMUM_SHARE)) return null;
  const member = new Set(threads);
  const rows: number[] = [];
  let working = 0;
  const answered = answeredWork(observation);
  for (let row = 0; row < trace.length; row++) {
    if ((trace.enterNs[row] as number) < onsetNs || !member.has(trace.thread[row] as number)) continue;
    if (!loop.has(column.ids[row] as number)) continue;
    rows.push(row);
    if (answered[row] === 1) working++;
  }
  const seconds = Math.max(binNs, endNs - onsetNs) / 1e9;
  const leaderRate = rows.filter((row) => column.ids[row] === leader).length / seconds;
  // Without signatures load that sets in is all that is new.
  const doubtful = share < MINIMUM_SHARE || split === 0 || normalRate === null;
  if (doubtful && leaderRate < CALLS_PER_REQUEST * requestRate(observation, onsetNs)) return null;
  const before = leading.subarray(0, split).reduce((total, value) => total + value, 0);
  const beforeRate = split === 0 ? 0 : before / ((split * binNs) / 1e9);
  const normalPerSecond = Math.max(beforeRate, normalRate?.[leader] ?? 0);
  return {
    kind: 'loop',
    endless: working < ENDLESS_SHARE * rows.length,
    onsetNs,
    abnormality: leaderRate / Math.max(normalPerSecond, 1),
    calls: { rows: Uint32Array.from(rows), weights: new Float64Array(rows.length).fill(1 / rows.length) },
    threads,
    symbols: [...loop].sort((a, b) => b[1] - a[1] || a[0] - b[0]).map(([symbol]) => symbol),
    leader,
    leaderPerSecond: leaderRate,
    normalPerSecond,
  };
}

interface Rise {
  /** The symbol that shows the loop best. */
  readonly leader: number;
  /** Bin in which its rate rises. */
  readonly split: number;
  /** Excess calls of each symbol that rises with it. */
  readonly loop: ReadonlyMap<number, number>;
  /** Whether normal runs and the time before show nothing of the leader. */
  readonly unheard: boolean;
}

/** The leader is the symbol with the most excess calls, or a new one with this share of as many: new tells more. */
const UNHEARD_LEADS = 0.1;

function risingSymbols(
  counts: Float64Array,
  symbols: number,
  binNs: number,
  normalRate: Float64Array | null,
): Rise | null {
  const bins = counts.length / symbols;
  const leastAfter = Math.min(bins / 4, Math.ceil(LEAST_SPIN_NS / binNs));
  const binsOf = (symbol: number) => counts.subarray(symbol * bins, (symbol + 1) * bins);
  const rising: {
    readonly symbol: number;
    readonly split: number;
    readonly excess: number;
    readonly unheard: boolean;
  }[] = [];
  for (let symbol = 0; symbol < symbols; symbol++) {
    const own = binsOf(symbol);
    // Where the rate does not rise inside the window, all of it may be abnormal: only a new symbol can tell, for a busy
    // stretch of a healthy trace does not rise either.
    for (const split of new Set([risingSplit(own, leastAfter), 0])) {
      if (split === null) continue;
      const excess = excessCalls(own, split, binNs, normalRate?.[symbol] ?? null);
      if (excess === null) continue;
      const unheard = isUnheardOf(own, split, normalRate?.[symbol] ?? null);
      if (split === 0 && !unheard) continue;
      rising.push({ symbol, split, excess, unheard });
      break;
    }
  }
  rising.sort((a, b) => b.excess - a.excess || a.symbol - b.symbol);
  const most = rising[0];
  if (most === undefined) return null;
  const leader =
    rising.find(({ unheard, excess }) => unheard && excess >= UNHEARD_LEADS * most.excess) ?? most;
  const loop = new Map<number, number>();
  for (const { symbol } of rising) {
    const excess = excessCalls(binsOf(symbol), leader.split, binNs, normalRate?.[symbol] ?? null);
    if (excess !== null) loop.set(symbol, excess);
  }
  return { leader: leader.symbol, split: leader.split, loop, unheard: leader.unheard };
}

/** Per call, 1 where its thread works on a request that it received since its last dispatch call and answers later. */
function answeredWork({ calls: { trace, dispatch, requests } }: Observation): Uint8Array {
  const answers = new Map<number, number>();
  for (const { received, answered } of requests) {
    if (answered >= 0 && trace.thread[answered] === trace.thread[received]) answers.set(received, answered);
  }
  // A futex is a wait for work or for a lock; while a request is in hand, it is a lock.
  const lock = trace.callNames.indexOf('futex');
  const worksUntil = new Float64Array(trace.threads.length).fill(-1);
  const work = new Uint8Array(trace.length);
  for (let row = 0; row < trace.length; row++) {
    const thread = trace.thread[row] as number;
    const call = trace.call[row] as number;
    if (call !== lock && dispatch[thread]?.has(call)) worksUntil[thread] = -1;
    worksUntil[thread] = answers.get(row) ?? (worksUntil[thread] as number);
    if (row <= (worksUntil[thread] as number)) work[row] = 1;
  }
  return work;
}

/**
 * Where the rate rises most by the Poisson log likelihood ratio, at least so many bins before the end; null where it
 * never rises.
 */
export function risingSplit(bins: Float64Array, leastAfter = 1): number | null {
  const total = bins.reduce((sum, value) => sum + value, 0);
  if (total === 0) return null;
  let best = 0;
  let split: number | null = null;
  let before = 0;
  for (let at = 0; at <= bins.length - Math.max(2, leastAfter); at++) {
    const after = total - before;
    const left = at;
    const right = bins.length - at;
    if (at > 0 && after / right > before / left) {
      const ratio = xlogx(before, left) + xlogx(after, right) - xlogx(total, bins.length);
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

/** Calls after the split above RATE_RATIO times normal, or null where it is not that far. */
function excessCalls(
  bins: Float64Array,
  split: number,
  binNs: number,
  normalRate: number | null,
): number | null {
  const before = bins.subarray(0, split).reduce((sum, value) => sum + value, 0);
  const after = bins.subarray(split).reduce((sum, value) => sum + value, 0);
  const afterSeconds = ((bins.length - split) * binNs) / 1e9;
  const beforeRate = split === 0 ? 0 : before / ((split * binNs) / 1e9);
  // A window that is abnormal from its start has no before: then only the profiles can tell.
  if (split === 0 && normalRate === null) return null;
  const reference = Math.max(beforeRate, normalRate ?? 0, RATE_FLOOR);
  if (after / afterSeconds < RATE_RATIO * reference) return null;
  const excess = after - reference * afterSeconds;
  return excess >= MINIMUM_EXCESS_CALLS ? excess : null;
}

/** Whether profiles and the time before the split show (next to) nothing of a symbol. */
function isUnheardOf(bins: Float64Array, split: number, normalRate: number | null): boolean {
  if (normalRate === null || normalRate > 0) return false;
  const before = bins.subarray(0, split).reduce((sum, value) => sum + value, 0);
  const all = bins.reduce((sum, value) => sum + value, 0);
  return before <= UNHEARD_BEFORE * all;
}

/** Requests received a second since the onset. */
function requestRate({ calls: { trace, requests } }: Observation, onsetNs: number): number {
  const received = requests.filter(
    (request) => (trace.enterNs[request.received] as number) >= onsetNs,
  ).length;
  return received / Math.max(1e-3, (trace.window.endNs - onsetNs) / 1e9);
}

function persists(bins: Float64Array, split: number): boolean {
  const after = bins.subarray(split);
  const mean = after.reduce((sum, value) => sum + value, 0) / after.length;
  return after.filter((value) => value >= mean / 4).length >= PERSISTENCE * after.length;
}

function sameMix(
  counts: Float64Array,
  symbols: number,
  split: number,
  normalRate: Float64Array | null,
): boolean {
  const bins = counts.length / symbols;
  const before = new Float64Array(symbols);
  const after = new Float64Array(symbols);
  for (let symbol = 0; symbol < symbols; symbol++) {
    for (let bin = 0; bin < bins; bin++) {
      (bin < split ? before : after)[symbol]! += counts[symbol * bins + bin] as number;
    }
  }
  return cosine(before, after) > SAME_MIX || (normalRate !== null && cosine(normalRate, after) > SAME_MIX);
}

export function cosine(a: Float64Array, b: Float64Array): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    dot += (a[i] as number) * (b[i] as number);
    aa += (a[i] as number) ** 2;
    bb += (b[i] as number) ** 2;
  }
  return aa === 0 || bb === 0 ? 0 : dot / Math.sqrt(aa * bb);
}

/** Calls that must follow each other at half the later rate or faster for the loop to have begun. */
const BURST_CALLS = 20;

/** The first call of the leading symbol, near the split, from which on it repeats without pause. */
function firstBurst(
  { calls: { trace, column } }: Observation,
  leader: number,
  splitNs: number,
  binNs: number,
): number {
  const from = splitNs - 2 * binNs;
  const times: number[] = [];
  for (let row = 0; row < trace.length && times.length < 200_000; row++) {
    const enter = trace.enterNs[row] as number;
    if (enter >= from && column.ids[row] === leader) times.push(enter);
  }
  const span = (times.at(-1) ?? splitNs) - (times[0] ?? splitNs);
  const mean = span / Math.max(1, times.length - 1);
  for (let i = 0; i + BURST_CALLS < times.length; i++) {
    if ((times[i + BURST_CALLS] as number) - (times[i] as number) <= 2 * BURST_CALLS * mean)
      return times[i] as number;
  }
  return splitNs;
}

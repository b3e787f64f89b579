import type { Calls } from '../calls/calls.ts';
import { rowsUntil } from '../calls/waits.ts';
import { type CallRates, callRates, loadFactor, risingSplit, total } from './call-rates.ts';
import type { LoopFinding } from './finding.ts';
import type { Observation } from './observation.ts';

/** A burst at the window's end that is shorter may be over a moment later: timers come in bursts, and so do dumps to a log. */
const LEAST_SPIN_NS = 3e9;
/** A symbol belongs to the loop when its rate rose this far above anything normal … */
const RATE_RATIO = 4;
/** … or, where the window shows no normal time and only the profiles can tell, this far … */
const RATE_RATIO_WITHOUT_BEFORE = 6;
/** … by at least this many calls … */
const MINIMUM_EXCESS_CALLS = 60;
/** … and all such symbols make up this share of the calls of their threads since the onset. */
const MINIMUM_SHARE = 0.1;
/** … and this share of all calls since the onset, if normal runs show such calls. */
const MINIMUM_SHARE_OF_ALL = 0.05;
/** From this share of its threads' calls on, a new symbol is no mere failure now and then. */
const CLEAR_SHARE = 0.3;
/** A symbol that neither the profiles nor the time before show needs a smaller share (one call of a long loop body) … */
const MINIMUM_UNHEARD_SHARE = 0.03;
/** … if it comes this often for each request: one failure a request is another workload, not a loop. */
const CALLS_PER_REQUEST = 5;
/** Roles that make less than this share of the leading symbol's excess calls only happen to make some. */
const LEAST_ROLE_SHARE = 0.02;
/** Rates below this are noise, calls per second. */
const RATE_FLOOR = 8;
/** The split is found in bins: so much of a new symbol may lie before it. */
const UNHEARD_BEFORE = 0.02;
/** A loop whose calls lie, up to this share, within requests that their thread goes on to answer is work, only more. */
const ENDLESS_SHARE = 0.8;
/** The loop must run in this share of the time after its onset, in steps of this length: a burst that ends is not one. */
const PERSISTENCE = 0.5;
const PERSISTENCE_STEP_NS = 1e9;

/**
 * Finds calls that repeat far above their normal rate (a spin: endless small normal units, or one unit that loops).
 * Two yardsticks: the time before, where a Poisson likelihood ratio finds a moment at which the rate rises, and the
 * profiles. Both are scaled by how much more work is done as a whole (call-rates.ts): load raises most symbols, a loop few.
 */
export function detectLoop(observation: Observation): LoopFinding | null {
  const { calls } = observation;
  const { trace, column } = calls;
  const normalRate = observation.knowledge?.rate ?? null;
  const endNs = trace.window.endNs;
  if (trace.length < MINIMUM_EXCESS_CALLS || endNs <= 0) return null;
  const rates = callRates(calls);
  const rise = risingSymbols(rates, normalRate, requestsIn(observation));
  if (rise === null) return null;
  const { leader, split, loop, unheard } = rise;
  const { binNs } = rates;

  const onsetNs = split === 0 ? 0 : firstBurst(calls, leader, split * binNs, binNs);
  const threads = loopingThreads(calls, onsetNs, loop, leader);
  const member = new Set(threads);
  const rows: number[] = [];
  let all = 0;
  let own = 0;
  let working = 0;
  const answered = answeredWork(observation);
  for (let row = 0; row < trace.length; row++) {
    if ((trace.enterNs[row] as number) < onsetNs) continue;
    all++;
    if (!member.has(trace.thread[row] as number)) continue;
    own++;
    if (!loop.has(column.ids[row] as number)) continue;
    rows.push(row);
    if (answered[row] === 1) working++;
  }
  const share = rows.length / Math.max(1, own);
  if (share < (unheard && split > 0 ? MINIMUM_UNHEARD_SHARE : MINIMUM_SHARE)) return null;
  if (!unheard && rows.length < MINIMUM_SHARE_OF_ALL * all) return null;
  const seconds = Math.max(binNs, endNs - onsetNs) / 1e9;
  const leaderPerSecond = rows.reduce((sum, row) => sum + (column.ids[row] === leader ? 1 : 0), 0) / seconds;
  // Without signatures load that sets in is all that is new.
  const doubtful = (unheard && (share < CLEAR_SHARE || split === 0)) || normalRate === null;
  if (doubtful && leaderPerSecond < CALLS_PER_REQUEST * requestRate(observation, onsetNs)) return null;
  const endless = working < ENDLESS_SHARE * rows.length;
  // Answered work of another kind is another workload, as far as anyone without signatures can tell.
  if (!endless && normalRate === null) return null;
  const normalPerSecond = Math.max(rates.rate(leader, 0, split), normalRate?.[leader] ?? 0);
  return {
    kind: 'loop',
    endless,
    onsetNs,
    abnormality: leaderPerSecond / Math.max(normalPerSecond, 1),
    calls: { rows: Uint32Array.from(rows), weights: new Float64Array(rows.length).fill(1 / rows.length) },
    threads,
    symbols: [...loop].sort((a, b) => b[1] - a[1] || a[0] - b[0]).map(([symbol]) => symbol),
    leader,
    leaderPerSecond,
    normalPerSecond,
  };
}

interface Rise {
  /** The symbol that shows the loop best. */
  readonly leader: number;
  /** Bin in which its rate rises; 0 where the window shows no time before. */
  readonly split: number;
  /** Excess calls of each symbol that rises with it. */
  readonly loop: ReadonlyMap<number, number>;
  /** Whether normal runs and the time before show nothing of the leader. */
  readonly unheard: boolean;
}

/** The leader is the symbol with the most excess calls, or a new one with this share of as many: new tells more. */
const UNHEARD_LEADS = 0.1;

function risingSymbols(rates: CallRates, normalRate: Float64Array | null, requests: Requests): Rise | null {
  const { symbols, bins, binNs } = rates;
  const leastAfter = Math.min(bins / 4, Math.ceil(LEAST_SPIN_NS / binNs));
  const rising: {
    readonly symbol: number;
    readonly split: number;
    readonly excess: number;
    readonly unheard: boolean;
  }[] = [];
  const loads = new Map<number, Loads>();
  const loadsAt = (split: number) => {
    let known = loads.get(split);
    if (known === undefined) {
      known = loadsSince(rates, split, normalRate, requests);
      loads.set(split, known);
    }
    return known;
  };
  for (let symbol = 0; symbol < symbols; symbol++) {
    const own = rates.binsOf(symbol);
    for (const split of new Set([risingSplit(own, leastAfter), 0])) {
      if (split === null) continue;
      const excess = excessCalls(rates, symbol, split, normalRate, loadsAt(split));
      if (excess === null || !persists(own, split, binNs)) continue;
      rising.push({ symbol, split, excess, unheard: isUnheardOf(own, split, normalRate?.[symbol] ?? null) });
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
    const excess = excessCalls(rates, symbol, leader.split, normalRate, loadsAt(leader.split));
    if (excess !== null) loop.set(symbol, excess);
  }
  loop.set(leader.symbol, leader.excess);
  return { leader: leader.symbol, split: leader.split, loop, unheard: leader.unheard };
}

/** How many times as much work is done since a split as before it, and as in the profiles. */
interface Loads {
  readonly before: number;
  readonly profiles: number;
}

/** Requests a second, where enough are seen to tell: more of everything but requests is no load. */
interface Requests {
  perSecond(fromNs: number, toNs: number): number;
  readonly inProfiles: number;
}

/** Fewer requests a second say nothing of the load. */
const LEAST_REQUEST_RATE = 0.5;

function loadsSince(
  rates: CallRates,
  split: number,
  normalRate: Float64Array | null,
  requests: Requests,
): Loads {
  const { symbols, bins, binNs } = rates;
  const now = (symbol: number) => rates.rate(symbol, split, bins);
  const requestsNow = requests.perSecond(split * binNs, bins * binNs);
  const atMost = (reference: number) =>
    reference < LEAST_REQUEST_RATE ? Number.POSITIVE_INFINITY : Math.max(1, requestsNow / reference);
  return {
    before:
      split === 0
        ? 1
        : Math.min(
            loadFactor(now, (symbol) => rates.rate(symbol, 0, split), symbols),
            atMost(requests.perSecond(0, split * binNs)),
          ),
    profiles:
      normalRate === null
        ? 1
        : Math.min(
            loadFactor(now, (symbol) => normalRate[symbol] as number, symbols),
            atMost(requests.inProfiles),
          ),
  };
}

function requestsIn({ calls: { trace, requests }, knowledge }: Observation): Requests {
  const received = requests.map((request) => request.received);
  return {
    perSecond: (fromNs, toNs) =>
      toNs <= fromNs
        ? 0
        : (rowsUntil(trace, received, toNs) - rowsUntil(trace, received, fromNs)) / ((toNs - fromNs) / 1e9),
    inProfiles: knowledge?.normal.requestsPerSecond ?? 0,
  };
}

/** Calls after the split above what the load explains, many times over; null where there are not that many. */
function excessCalls(
  rates: CallRates,
  symbol: number,
  split: number,
  normalRate: Float64Array | null,
  loads: Loads,
): number | null {
  // A window that is abnormal from its start has no before: then only the profiles can tell.
  if (split === 0 && normalRate === null) return null;
  const { bins, binNs } = rates;
  const usual = Math.max(
    rates.rate(symbol, 0, split) * loads.before,
    (normalRate?.[symbol] ?? 0) * loads.profiles,
    RATE_FLOOR,
  );
  const rate = rates.rate(symbol, split, bins);
  const isKnown = split === 0 && (normalRate?.[symbol] ?? 0) > 0;
  if (rate < (isKnown ? RATE_RATIO_WITHOUT_BEFORE : RATE_RATIO) * usual) return null;
  const excess = (rate - usual) * (((bins - split) * binNs) / 1e9);
  return excess >= MINIMUM_EXCESS_CALLS ? excess : null;
}

/** Whether profiles and the time before the split show (next to) nothing of a symbol. */
function isUnheardOf(bins: Float64Array, split: number, normalRate: number | null): boolean {
  if (normalRate === null || normalRate > 0) return false;
  return total(bins.subarray(0, split)) <= UNHEARD_BEFORE * total(bins);
}

function persists(bins: Float64Array, split: number, binNs: number): boolean {
  const step = Math.max(1, Math.round(PERSISTENCE_STEP_NS / binNs));
  const steps: number[] = [];
  for (let at = bins.length; at - step >= split; at -= step) steps.push(total(bins.subarray(at - step, at)));
  const mean = steps.reduce((sum, value) => sum + value, 0) / steps.length;
  return steps.filter((value) => value >= mean / 4).length >= PERSISTENCE * steps.length;
}

/**
 * Threads of the roles that loop, most calls of the loop first. A role is all threads of one name, whichever process
 * they are of: with a thread or a process a request none makes many calls, but together they do.
 */
function loopingThreads(
  { trace, column }: Calls,
  onsetNs: number,
  loop: ReadonlyMap<number, number>,
  leader: number,
): number[] {
  const inLoop = new Float64Array(trace.threads.length);
  for (let row = 0; row < trace.length; row++) {
    if ((trace.enterNs[row] as number) < onsetNs || !loop.has(column.ids[row] as number)) continue;
    inLoop[trace.thread[row] as number]!++;
  }
  const roleOf = trace.threads.map(({ comm, pid }) =>
    comm === '' ? String(pid) : comm.replace(/\d+/g, '#'),
  );
  const ofRole = new Map<string, number>();
  for (const [thread, calls] of inLoop.entries()) {
    const role = roleOf[thread] as string;
    ofRole.set(role, (ofRole.get(role) ?? 0) + calls);
  }
  const least = LEAST_ROLE_SHARE * (loop.get(leader) as number);
  return [...inLoop.keys()]
    .filter((thread) => (inLoop[thread] as number) > 0 && (ofRole.get(roleOf[thread] as string) ?? 0) > least)
    .sort((a, b) => (inLoop[b] as number) - (inLoop[a] as number) || a - b);
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

/** Requests received a second since the onset. */
function requestRate({ calls: { trace, requests } }: Observation, onsetNs: number): number {
  const received = requests.filter(
    (request) => (trace.enterNs[request.received] as number) >= onsetNs,
  ).length;
  return received / Math.max(1e-3, (trace.window.endNs - onsetNs) / 1e9);
}

/** Calls that must follow each other at half the later rate or faster for the loop to have begun. */
const BURST_CALLS = 20;

/** The first call of the leading symbol, near the split, from which on it repeats without pause. */
function firstBurst({ trace, column }: Calls, leader: number, splitNs: number, binNs: number): number {
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

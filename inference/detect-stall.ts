import { eachDescriptorGap } from '../calls/descriptors.ts';
import type { Request } from '../calls/requests.ts';
import { OPEN } from '../trace/trace.ts';
import { NO_STATE } from './attribute.ts';
import { evidenceCalls, type SlowRequest, type StallFinding } from './finding.ts';
import { median } from './median.ts';
import type { Knowledge, Observation } from './observation.ts';

/** A request is slow when its answer takes this many times the longest normal one of its kind … */
const SLOW_RATIO = 3;
/** … and at least this long: below, scheduling decides. */
const LEAST_SLOW_NS = 15e6;
/** A slowdown is more than bad luck from this many slow requests on … */
const MINIMUM_SLOW = 8;
/** … which are this share of the requests since the onset … */
const MINIMUM_SLOW_SHARE = 0.05;
/** … (more where the window shows no time before) … */
const MINIMUM_SHARE_WITHOUT_BEFORE = 0.1;
/** … and this many times the share before it … */
const SHARE_RISE = 4;
/** … and hold up this many connections at once, on average. */
const MINIMUM_EXTENT = 0.05;
/** Parts of the evidence: the slow requests themselves, calls that rest or last within them, places that are busier. */
const REQUEST_PART = 0.3;
const WAIT_PART = 0.4;
const RISE_PART = 0.3;
/** A wait within a slow request counts from this many times its longest normal one on. */
const WAIT_RATIO = 3;
/** A place is busier from this rate against before and normal on, and from this many further calls on. */
const RISE_RATIO = 3;
const LEAST_RISE_CALLS = 10;

/** When this share of the slow requests is never answered, the server hangs. */
const ENDLESS_SHARE = 0.8;

/**
 * Finds requests whose answers take far longer than normal since some moment (a slowdown). No single call need be slow:
 * the time from the last bytes received to the first sent back is what a client sees. The yardstick is the signature
 * set's; what was as slow before the onset is no news.
 */
export function detectStall(observation: Observation): StallFinding | null {
  const { calls, knowledge } = observation;
  if (knowledge === null) return null;
  const { trace, requests: all } = calls;
  const slow = slowRequests(all, observation, knowledge);
  if (slow.length < MINIMUM_SLOW) return null;
  const split = onsetOf(slow, all, observation);
  if (split === null) return null;
  const { onsetNs, since } = split;
  const endNs = trace.window.endNs;
  const extent = since.reduce((sum, { excessNs }) => sum + excessNs, 0) / Math.max(1e6, endNs - onsetNs);
  if (extent < MINIMUM_EXTENT) return null;
  const waits = waitsWithin(since, observation, knowledge);
  const busier = busierPlaces(onsetNs, observation, knowledge);
  return {
    kind: 'stall',
    unanswered:
      since.filter((request) => isUnanswered(request, observation)).length >= ENDLESS_SHARE * since.length,
    onsetNs,
    abnormality: median(since.map(({ ratio }) => ratio)) as number,
    calls: evidenceCalls([
      ...scaled(requestCalls(since), REQUEST_PART),
      ...scaled(waits, WAIT_PART),
      ...scaled(busier, RISE_PART),
    ]),
    threads: [...new Set(since.map(({ received }) => trace.thread[received] as number))],
    slow: since,
    requests: all.filter(({ received }) => (trace.enterNs[received] as number) >= onsetNs).length,
    waits: waits.map(({ row }) => row),
    busier: busier.map(({ row }) => row),
  };
}

/** Nobody answered: the window ended before, or the connection was closed without a word. */
function isUnanswered({ answered }: Request, { calls: { trace } }: Observation): boolean {
  return answered < 0 || trace.callNames[trace.call[answered] as number] === 'close';
}

function slowRequests(
  all: readonly Request[],
  { calls: { trace } }: Observation,
  { attribution, normal }: Knowledge,
): SlowRequest[] {
  return all.flatMap((request) => {
    const state = request.answered < 0 ? NO_STATE : (attribution.states[request.answered] as number);
    const longest = normal.longestLatencyNs(state) ?? normal.longestAnyLatencyNs;
    const reference = Math.max(longest, LEAST_SLOW_NS / SLOW_RATIO);
    const ratio = request.latencyNs / reference;
    if (ratio < SLOW_RATIO) return [];
    const startNs =
      (trace.enterNs[request.received] as number) + (trace.durationNs[request.received] as number);
    return [{ ...request, startNs, excessNs: request.latencyNs - reference, ratio }];
  });
}

/** The split of the window at which the share of slow requests rises most, where it rises far enough. */
function onsetOf(
  slow: readonly SlowRequest[],
  all: readonly Request[],
  { calls: { trace } }: Observation,
): { readonly onsetNs: number; readonly since: readonly SlowRequest[] } | null {
  const startOf = (request: Request) => trace.enterNs[request.received] as number;
  let best = 0;
  let first = -1;
  let at = 0;
  for (let i = 0; i + MINIMUM_SLOW <= slow.length; i++) {
    const start = startOf(slow[i] as SlowRequest);
    while (at < all.length && startOf(all[at] as Request) < start) at++;
    const after = (slow.length - i) / (all.length - at);
    const before = i / Math.max(1, at);
    // Whole windows that are slow from their first request on have no before; then the share alone must convince.
    const enough =
      at < MINIMUM_SLOW
        ? after >= MINIMUM_SHARE_WITHOUT_BEFORE
        : after >= MINIMUM_SLOW_SHARE && after >= SHARE_RISE * before;
    if (!enough) continue;
    // Binomial log likelihood ratio of one change of share at this request.
    const gain =
      logLikelihood(i, at) +
      logLikelihood(slow.length - i, all.length - at) -
      logLikelihood(slow.length, all.length);
    if (gain > best) {
      best = gain;
      first = i;
    }
  }
  if (first < 0) return null;
  return { onsetNs: startOf(slow[first] as SlowRequest), since: slow.slice(first) };
}

function logLikelihood(hits: number, of: number): number {
  if (hits === 0 || hits === of || of === 0) return 0;
  return hits * Math.log(hits / of) + (of - hits) * Math.log(1 - hits / of);
}

interface Weighted {
  readonly row: number;
  readonly weight: number;
}

function scaled(calls: readonly Weighted[], part: number): Weighted[] {
  const total = calls.reduce((sum, { weight }) => sum + weight, 0);
  return total === 0 ? [] : calls.map(({ row, weight }) => ({ row, weight: (weight / total) * part }));
}

function requestCalls(slow: readonly SlowRequest[]): Weighted[] {
  return slow.flatMap(({ received, answered, excessNs }) => [
    { row: received, weight: excessNs },
    ...(answered < 0 ? [] : [{ row: answered, weight: excessNs }]),
  ]);
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/** Tells whether at least half of a time lies within one of the spans. */
export function mostlyWithin(spans: readonly Span[]): (from: number, to: number) => boolean {
  const sorted = spans.toSorted((a, b) => a.from - b.from);
  const latestEnd = new Float64Array(sorted.length);
  for (const [i, span] of sorted.entries()) latestEnd[i] = Math.max(latestEnd[i - 1] ?? span.to, span.to);
  return (from, to) => {
    const half = (to - from) / 2;
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sorted[middle] as Span).from <= from) low = middle + 1;
      else high = middle;
    }
    // Of those that begin before, the one that ends last holds most.
    if (low > 0 && (latestEnd[low - 1] as number) - from >= half) return true;
    for (let i = low; i < sorted.length; i++) {
      const span = sorted[i] as Span;
      if (to - span.from < half) return false;
      if (Math.min(to, span.to) - span.from >= half) return true;
    }
    return false;
  };
}

/** Within slow requests: calls that last, and descriptors that rest, far longer than ever in normal runs. */
function waitsWithin(
  slow: readonly SlowRequest[],
  observation: Observation,
  { attribution: { states }, normal }: Knowledge,
): Weighted[] {
  const { trace, dispatch } = observation.calls;
  const within = mostlyWithin(
    slow.map(({ startNs, latencyNs }) => ({ from: startNs, to: startNs + latencyNs })),
  );
  const found: Weighted[] = [];
  for (let row = 0; row < trace.length; row++) {
    const duration = trace.durationNs[row] as number;
    const state = states[row] as number;
    if (duration === OPEN || duration < LEAST_SLOW_NS || state === NO_STATE) continue;
    if (dispatch[trace.thread[row] as number]?.has(trace.call[row] as number)) continue;
    const longest = normal.states.longestNs[state] as number;
    const enter = trace.enterNs[row] as number;
    if (duration >= WAIT_RATIO * longest && within(enter, enter + duration))
      found.push({ row, weight: duration - longest });
  }
  const own = new Set(slow.flatMap(({ received, answered }) => [received, answered]));
  eachDescriptorGap(trace, (previous, row, gapNs) => {
    if (gapNs < LEAST_SLOW_NS || own.has(previous)) return;
    const longest = normal.longestRestNs(states[previous] as number, states[row] as number);
    if (longest === null || gapNs < WAIT_RATIO * longest) return;
    const from = (trace.enterNs[previous] as number) + (trace.durationNs[previous] as number);
    if (!within(from, from + gapNs)) return;
    found.push({ row: previous, weight: gapNs - longest }, { row, weight: gapNs - longest });
  });
  return found;
}

/** Calls at places that are far busier than before and than in normal runs: retries, polling, work done again. */
function busierPlaces(
  onsetNs: number,
  { calls: { trace } }: Observation,
  { attribution: { states }, normal }: Knowledge,
): Weighted[] {
  const before = new Float64Array(normal.states.length);
  const after = new Float64Array(normal.states.length);
  for (let row = 0; row < trace.length; row++) {
    const state = states[row] as number;
    if (state === NO_STATE) continue;
    ((trace.enterNs[row] as number) < onsetNs ? before : after)[state]!++;
  }
  const beforeSeconds = onsetNs / 1e9;
  const afterSeconds = Math.max(1e-3, (trace.window.endNs - onsetNs) / 1e9);
  const profiled = Math.max(1e-3, normal.profiledSeconds);
  const excess = after.map((count, state) => {
    const usual = Math.max(
      beforeSeconds > 0 ? (before[state] as number) / beforeSeconds : 0,
      (normal.states.calls[state] as number) / profiled,
    );
    const more = count - RISE_RATIO * usual * afterSeconds;
    return more >= LEAST_RISE_CALLS ? more / count : 0;
  });
  const found: Weighted[] = [];
  for (let row = 0; row < trace.length; row++) {
    const state = states[row] as number;
    if (state === NO_STATE || (trace.enterNs[row] as number) < onsetNs) continue;
    if ((excess[state] as number) > 0) found.push({ row, weight: excess[state] as number });
  }
  return found;
}

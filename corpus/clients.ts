import { readFileSync } from 'node:fs';

/** One request as the load saw it end. */
export interface ClientRequest {
  readonly startSeconds: number;
  readonly kind: string;
  readonly durationSeconds: number;
  readonly ok: boolean;
  readonly why: string;
}

/** What clients noticed of a change at a point of a run. */
export interface ClientView {
  readonly clientsNotice: boolean;
  /** Failed and all requests that began before the change, and after it. */
  readonly failedBefore: readonly [number, number];
  readonly failedAfter: readonly [number, number];
  readonly perSecondBefore: number;
  readonly perSecondAfter: number;
  /** Kinds that became slower: median before and after, 90th percentile before and after, in seconds. */
  readonly slower: Readonly<Record<string, readonly [number, number, number, number]>>;
  /** From the change to the first request that failed after it. */
  readonly firstFailureAfterSeconds: number | null;
}

/** Seconds after the change that are left out: what was under way then belongs to neither side. */
const SETTLING_SECONDS = 2;
const FEWEST_REQUESTS = 3;
/** Below this the 90th percentile is the largest of a few. */
const FEWEST_FOR_HIGH = 8;
/** One in two hundred by chance. */
const CERTAIN_Z = 2.58;

export function readClientLog(file: string): ClientRequest[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [startSeconds, kind, durationSeconds, ok, why] = JSON.parse(line);
      return { startSeconds, kind, durationSeconds, ok, why };
    });
}

/**
 * Compares requests that began before and after a change. Clients notice when the median of a kind doubles and grows
 * by 20 ms, and that is no chance (rank sums); when its 90th percentile (of eight or more) doubles and grows by 100 ms,
 * and three requests lie above that; when at least three requests fail and their share grows by 3 points; when a fifth
 * fewer requests come to an end.
 *
 * @param latencyFree kinds whose clients wait on purpose
 */
export function clientView(
  requests: readonly ClientRequest[],
  from: number,
  change: number,
  to: number,
  latencyFree: readonly string[],
): ClientView {
  const began = (lo: number, hi: number) =>
    requests.filter(({ startSeconds }) => startSeconds >= lo && startSeconds < hi);
  const before = began(from, change);
  const settled = Math.min(change + SETTLING_SECONDS, to);
  const after = began(settled, to);
  const failed = (list: readonly ClientRequest[]) => list.filter(({ ok }) => !ok).length;
  const slower: Record<string, readonly [number, number, number, number]> = {};
  for (const kind of new Set(requests.map((request) => request.kind))) {
    if (latencyFree.includes(kind)) continue;
    const [a, b] = [before, after].map((list) =>
      list.filter((request) => request.kind === kind).map(({ durationSeconds }) => durationSeconds),
    ) as [number[], number[]];
    if (a.length < FEWEST_REQUESTS || b.length < FEWEST_REQUESTS) continue;
    const [medianBefore, medianAfter] = [quantile(a, 0.5), quantile(b, 0.5)];
    const [highBefore, highAfter] = [quantile(a, 0.9), quantile(b, 0.9)];
    const mostAreSlower =
      medianAfter > 2 * medianBefore && medianAfter > medianBefore + 0.02 && rankSumZ(a, b) > CERTAIN_Z;
    const slow = Math.max(2 * highBefore, highBefore + 0.1);
    const someAreSlower =
      Math.min(a.length, b.length) >= FEWEST_FOR_HIGH &&
      highAfter > slow &&
      b.filter((seconds) => seconds > slow).length >= FEWEST_REQUESTS;
    if (mostAreSlower || someAreSlower) {
      slower[kind] = [medianBefore, medianAfter, highBefore, highAfter];
    }
  }
  const perSecondBefore = rate(before.length, change - from);
  const perSecondAfter = rate(after.length, to - settled);
  const failedBefore = [failed(before), before.length] as const;
  const failedAfter = [failed(after), after.length] as const;
  const failureShareGrows =
    failedAfter[0] >= 3 &&
    failedAfter[0] / Math.max(1, after.length) > failedBefore[0] / Math.max(1, before.length) + 0.03;
  const firstFailure = requests
    .filter(({ ok, startSeconds, durationSeconds }) => !ok && startSeconds + durationSeconds > change)
    .reduce(
      (first, { startSeconds, durationSeconds }) => Math.min(first, startSeconds + durationSeconds),
      Infinity,
    );
  return {
    clientsNotice:
      Object.keys(slower).length > 0 || failureShareGrows || perSecondAfter < 0.8 * perSecondBefore,
    failedBefore,
    failedAfter,
    perSecondBefore,
    perSecondAfter,
    slower,
    firstFailureAfterSeconds: Number.isFinite(firstFailure) ? rounded(firstFailure - change) : null,
  };
}

/** Mann-Whitney's statistic as a normal deviate: how surely the second sample is the greater. */
function rankSumZ(before: readonly number[], after: readonly number[]): number {
  let wins = 0;
  for (const late of after) for (const early of before) wins += late > early ? 1 : late === early ? 0.5 : 0;
  const pairs = before.length * after.length;
  return (wins - pairs / 2) / Math.sqrt((pairs * (before.length + after.length + 1)) / 12);
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;
}

const rounded = (seconds: number) => Math.round(seconds * 1000) / 1000;

function rate(count: number, seconds: number): number {
  return seconds > 0 ? Math.round((count / seconds) * 10) / 10 : 0;
}

import type { SymbolColumn } from '../calls/symbols.ts';
import type { ClusterReport, Confidence, Report, Suspect, UnitReport, Verdict } from '../report/report.ts';
import type { SignatureSet } from '../signatures/signature-set.ts';
import { OPEN, type Trace } from '../trace/trace.ts';
import type { AbnormalUnit } from './abnormal-units.ts';
import type { Clusters } from './cluster.ts';
import type { Finding, Observation } from './evidence.ts';
import { functionProfile } from './function-profile.ts';
import type { Candidate } from './rank.ts';
import { type Units, unitOfRow } from './units.ts';
import { percent } from './warnings.ts';

/** Clusters in the report, largest change of rate first. */
const MAX_CLUSTERS = 20;
/** Calls named per cluster: no unit of a real server shows as many different ones. */
export const MAX_CLUSTER_CALLS = 100;

export function summarize(verdict: Verdict, finding: Finding | null, { trace }: Observation): string {
  if (finding === null) {
    return trace.length === 0 ? 'The trace holds no calls.' : 'Nothing abnormal was found in this window.';
  }
  const since = ((trace.window.endNs - finding.onsetNs) / 1e9).toFixed(1);
  const what = { spin: 'Spinning', hang: 'Hanging', slowdown: 'Slowed down', normal: 'Normal' }[verdict];
  return `${what} for the last ${since} s of the window: ${finding.description}.`;
}

/** Relative advantage over the next suspect from which on the first is certain. */
const CLEAR_LEAD = 1.08;
const STRONG_COVER = 0.5;
const GOOD_COVERAGE = 0.8;

/** Units cited per suspect, those with the most of the abnormality first. */
const MAX_CITED_UNITS = 10;

/** @param ranked all candidates; the first `most` of them are suspects */
export function suspectReports(input: {
  readonly ranked: readonly Candidate[];
  readonly most: number;
  readonly finding: Finding;
  readonly observation: Observation;
  readonly units: Units;
  readonly abnormal: readonly AbnormalUnit[];
  readonly signatures: SignatureSet;
  readonly coverage: number | null;
}): Suspect[] {
  const { ranked, most, finding, observation, units, abnormal, signatures, coverage } = input;
  const { presence, paths } = functionProfile(signatures);
  const contexts = abnormalContexts(finding, observation, units, abnormal);
  const best = ranked[0]?.score ?? 1;
  return ranked.slice(0, most).map((candidate, i) => {
    const fn = signatures.functions[candidate.fn] as SignatureSet['functions'][number];
    const tied = ranked.filter(
      (other) => other !== candidate && Math.abs(other.score - candidate.score) < 1e-12,
    );
    const next = ranked[i + 1]?.score ?? 0;
    const explained = abnormal.filter(({ unit }) =>
      [...(contexts.get(unit) ?? [])].some((context) => paths[context]?.includes(candidate.fn)),
    );
    return {
      rank: i + 1,
      function: fn.name,
      object: fn.object,
      collidesWith: tied.map((other) => signatures.functions[other.fn]?.name ?? ''),
      abnormality: round(finding.abnormality),
      confidence: confidenceOf(finding, candidate, i, next, coverage),
      evidence: evidenceOf(finding, candidate, presence[candidate.fn] as number),
      units: explained.slice(0, MAX_CITED_UNITS).map(({ unit }) => unit),
      score: round(candidate.score / best),
    };
  });
}

/** Contexts of the finding's calls in each abnormal unit. */
function abnormalContexts(
  finding: Finding,
  { normal }: Observation,
  units: Units,
  abnormal: readonly AbnormalUnit[],
): ReadonlyMap<number, ReadonlySet<number>> {
  const found = new Map(abnormal.map(({ unit }) => [unit, new Set<number>()]));
  const unitOf = unitOfRow(units);
  for (const row of finding.calls.rows) {
    found.get(unitOf[row] as number)?.add(normal?.attribution.contexts[row] as number);
  }
  return found;
}

function confidenceOf(
  finding: Finding,
  candidate: Candidate,
  place: number,
  next: number,
  coverage: number | null,
): Confidence {
  if (finding.kind === 'gone' || (coverage ?? 0) < GOOD_COVERAGE / 2) return 'low';
  const strong = candidate.cover >= STRONG_COVER && (coverage ?? 0) >= GOOD_COVERAGE;
  if (place === 0 && strong && candidate.score >= CLEAR_LEAD * next && finding.kind !== 'stall')
    return 'high';
  return candidate.cover >= STRONG_COVER ? 'medium' : 'low';
}

function evidenceOf(finding: Finding, { cover }: Candidate, presence: number): string {
  if (finding.kind === 'gone') {
    return 'It runs between the last call that was made and those that normally follow.';
  }
  const share = percent(Math.min(1, cover));
  const usual = percent(presence);
  switch (finding.kind) {
    case 'loop':
      return `${share} of the calls in the loop were made under it, against ${usual} of its threads' normal calls.`;
    case 'stuck':
      return `${share} of what led to the call that does not return was made under it, against ${usual} of its threads' normal calls.`;
    case 'stall':
      return `${share} of the lost time lies between calls made under it, against ${usual} of its threads' normal calls.`;
  }
}

export function unitReports(
  abnormal: readonly AbnormalUnit[],
  trace: Trace,
  units: Units,
  clusters: Clusters,
): UnitReport[] {
  return abnormal.map(({ unit, abnormality, by }) => {
    const duration = units.durationNs[unit] as number;
    const thread = trace.threads[units.thread[unit] as number] as Trace['threads'][number];
    const why = {
      time: `execution time ${factor(abnormality)} its cluster's normal`,
      calls: `${factor(abnormality)} the calls of its cluster's normal`,
      rate: `part of what happens ${factor(abnormality)} as often as normal`,
    }[by];
    return {
      id: unit,
      thread: { pid: thread.pid, tid: thread.tid, comm: thread.comm },
      start: trace.window.startSeconds + (units.startNs[unit] as number) / 1e9,
      duration: duration === OPEN ? null : duration / 1e9,
      calls: (units.to[unit] as number) - (units.from[unit] as number),
      cluster: clusters.of[unit] as number,
      abnormality: round(abnormality),
      why,
    };
  });
}

export function clusterReports(
  trace: Trace,
  column: SymbolColumn,
  units: Units,
  clusters: Clusters,
  abnormal: readonly AbnormalUnit[],
  finding: Finding | null,
): ClusterReport[] {
  const count = clusters.symbols.length;
  const before = new Float64Array(count);
  const after = new Float64Array(count);
  const durations: number[][] = Array.from({ length: count }, () => []);
  const onsetNs = finding?.onsetNs ?? Number.POSITIVE_INFINITY;
  for (let unit = 0; unit < units.length; unit++) {
    const cluster = clusters.of[unit] as number;
    ((units.startNs[unit] as number) < onsetNs ? before : after)[cluster]!++;
    if (units.durationNs[unit] !== OPEN) durations[cluster]?.push(units.durationNs[unit] as number);
  }
  const abnormalIn = new Map<number, number>();
  for (const { unit } of abnormal) {
    const cluster = clusters.of[unit] as number;
    abnormalIn.set(cluster, (abnormalIn.get(cluster) ?? 0) + 1);
  }
  const end = trace.window.endNs / 1e9;
  const onset = Math.min(end, onsetNs / 1e9);
  const rate = (counts: Float64Array, cluster: number, seconds: number) =>
    seconds <= 0 ? null : round((counts[cluster] as number) / seconds);
  return clusters.symbols
    .map((symbols, id) => ({
      id,
      calls: symbols.slice(0, MAX_CLUSTER_CALLS).map((symbol) => column.symbols[symbol] as string),
      units: (before[id] as number) + (after[id] as number),
      abnormalUnits: abnormalIn.get(id) ?? 0,
      ratePerSecondBefore: rate(before, id, onset),
      ratePerSecondAfter: finding === null ? null : rate(after, id, end - onset),
      medianDuration: round(median(durations[id] as number[]) / 1e9),
    }))
    .sort((a, b) => change(b) - change(a) || b.units - a.units || a.id - b.id)
    .slice(0, MAX_CLUSTERS);
}

function change(cluster: ClusterReport): number {
  return Math.abs((cluster.ratePerSecondAfter ?? 0) - (cluster.ratePerSecondBefore ?? 0));
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

export function windowReport(trace: Trace): Report['window'] {
  const { startSeconds, endNs } = trace.window;
  return {
    start: startSeconds,
    end: startSeconds + endNs / 1e9,
    calls: trace.length,
    lost: trace.losses.reduce((sum, loss) => sum + loss.events, 0),
    threads: trace.threads.length,
    format: trace.format,
  };
}

function factor(ratio: number): string {
  return `${ratio >= 10 ? Math.round(ratio).toLocaleString('en-US') : ratio.toFixed(1)}×`;
}

function round(value: number): number {
  return Number(value.toPrecision(6));
}

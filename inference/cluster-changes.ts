import type { Calls } from '../calls/calls.ts';
import { OPEN } from '../trace/trace.ts';
import type { AbnormalUnit } from './abnormal-units.ts';
import type { Clusters } from './cluster.ts';
import type { Finding } from './finding.ts';
import { median } from './median.ts';
import type { Units } from './units.ts';

/** A cluster with what changed in it at the onset. */
export interface ClusterChange {
  readonly cluster: number;
  /** Symbols (ids of the trace's column) that appear in most of its units. */
  readonly symbols: readonly number[];
  readonly units: number;
  readonly abnormalUnits: number;
  /** Units that began before and after the onset, a second; null where there is no such side. */
  readonly perSecondBefore: number | null;
  readonly perSecondAfter: number | null;
  /** Median execution time of the units that ended, nanoseconds. */
  readonly medianNs: number;
}

/** Clusters kept, largest change of rate first. */
const MAX_CLUSTERS = 20;

export function clusterChanges(
  { trace }: Calls,
  units: Units,
  clusters: Clusters,
  abnormal: readonly AbnormalUnit[],
  finding: Finding | null,
): ClusterChange[] {
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
  const abnormalIn = new Uint32Array(count);
  for (const { unit } of abnormal) abnormalIn[clusters.of[unit] as number]!++;
  const endSeconds = trace.window.endNs / 1e9;
  const onsetSeconds = Math.min(endSeconds, onsetNs / 1e9);
  const rate = (counts: Float64Array, cluster: number, seconds: number) =>
    seconds <= 0 ? null : (counts[cluster] as number) / seconds;
  return clusters.symbols
    .map((symbols, cluster) => ({
      cluster,
      symbols,
      units: (before[cluster] as number) + (after[cluster] as number),
      abnormalUnits: abnormalIn[cluster] as number,
      perSecondBefore: rate(before, cluster, onsetSeconds),
      perSecondAfter: finding === null ? null : rate(after, cluster, endSeconds - onsetSeconds),
      medianNs: median(durations[cluster] as number[]) ?? 0,
    }))
    .sort((a, b) => change(b) - change(a) || b.units - a.units || a.cluster - b.cluster)
    .slice(0, MAX_CLUSTERS);
}

function change({ perSecondBefore, perSecondAfter }: ClusterChange): number {
  return Math.abs((perSecondAfter ?? 0) - (perSecondBefore ?? 0));
}

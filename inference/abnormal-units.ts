import { OPEN, type Trace } from '../trace/trace.ts';
import type { Clusters } from './cluster.ts';
import type { Finding } from './finding.ts';
import { median } from './median.ts';
import { type Units, unitOfRow } from './units.ts';

export interface AbnormalUnit {
  readonly unit: number;
  /** Ratio of its execution time, or of its number of calls, to its cluster's median before the onset; the finding's. */
  readonly abnormality: number;
  /** `finding`: no further from its cluster than others are, but it holds the finding's calls. */
  readonly by: 'time' | 'calls' | 'finding';
  /** Share (0…1) of the finding's weight that lies in it. */
  readonly weight: number;
}

/** Abnormal units kept, those with the most of the abnormality first. */
const MAX_ABNORMAL_UNITS = 40;

/** The units that hold a finding's calls, with how far each is from its cluster's normal. */
export function abnormalUnits(
  finding: Finding,
  trace: Trace,
  units: Units,
  clusters: Clusters,
): AbnormalUnit[] {
  const unitOf = unitOfRow(units);
  const weights = new Map<number, number>();
  for (let i = 0; i < finding.calls.rows.length; i++) {
    const unit = unitOf[finding.calls.rows[i] as number] as number;
    weights.set(unit, (weights.get(unit) ?? 0) + (finding.calls.weights[i] as number));
  }
  const medians = clusterMedians(units, clusters, finding.onsetNs);
  return [...weights]
    .sort((a, b) => b[1] - a[1] || a[0] - b[0])
    .slice(0, MAX_ABNORMAL_UNITS)
    .map(([unit, weight]) => {
      const { durationNs, calls } = medians.get(clusters.of[unit] as number) ?? { durationNs: 0, calls: 0 };
      const duration = units.durationNs[unit] as number;
      const elapsed = duration === OPEN ? trace.window.endNs - (units.startNs[unit] as number) : duration;
      const byTime = durationNs > 0 ? elapsed / durationNs : 0;
      const byCalls = calls > 0 ? ((units.to[unit] as number) - (units.from[unit] as number)) / calls : 0;
      if (Math.max(byTime, byCalls) < 2)
        return { unit, abnormality: finding.abnormality, by: 'finding', weight };
      return byTime >= byCalls
        ? { unit, abnormality: byTime, by: 'time', weight }
        : { unit, abnormality: byCalls, by: 'calls', weight };
    });
}

function clusterMedians(units: Units, clusters: Clusters, onsetNs: number) {
  const durations = new Map<number, number[]>();
  const calls = new Map<number, number[]>();
  for (let unit = 0; unit < units.length; unit++) {
    const duration = units.durationNs[unit] as number;
    if ((units.startNs[unit] as number) >= onsetNs || duration === OPEN) continue;
    const cluster = clusters.of[unit] as number;
    if (!durations.has(cluster)) {
      durations.set(cluster, []);
      calls.set(cluster, []);
    }
    durations.get(cluster)?.push(duration);
    calls.get(cluster)?.push((units.to[unit] as number) - (units.from[unit] as number));
  }
  return new Map(
    [...durations].map(([cluster, own]) => [
      cluster,
      { durationNs: median(own) ?? 0, calls: median(calls.get(cluster) ?? []) ?? 0 },
    ]),
  );
}

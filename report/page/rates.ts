/** Steps in the timeline: how often units of a cluster came before and after the onset. */
import { rate } from '../figures.ts';
import type { ClusterReport, Report } from '../report.ts';
import { byChange } from './clusters.ts';
import { type Markup, markup } from './markup.ts';

/** Clusters drawn: those whose rate changed most. */
const DRAWN = 4;
export const RATE_LANE = 34;

/** A rate ten times higher is one step of this height: log scale, or a spin would flatten all else. */
const DECADE = 6;
/** Characters that fit left of the lanes. */
const LABEL_LENGTH = 23;
/** Rates below this are drawn as nothing. */
const LEAST_RATE = 0.01;

export interface Scale {
  readonly left: number;
  readonly onset: number;
  readonly right: number;
}

export function changedClusters(report: Report): ClusterReport[] {
  if (report.onset === null) return [];
  return byChange(report.clusters)
    .filter(
      ({ ratePerSecondBefore: before, ratePerSecondAfter: after }) =>
        before !== null && after !== null && before !== after,
    )
    .slice(0, DRAWN);
}

export function rateLane(
  cluster: ClusterReport,
  drawn: readonly ClusterReport[],
  top: number,
  scale: Scale,
): Markup {
  const before = cluster.ratePerSecondBefore ?? 0;
  const after = cluster.ratePerSecondAfter ?? 0;
  const base = top + RATE_LANE - 3;
  const step = (value: number, from: number, to: number, changed: boolean) => {
    const height = barHeight(value);
    return markup`<rect class="${changed ? 'rate changed' : 'rate'}" x="${from.toFixed(1)}" y="${(base - height).toFixed(1)}" width="${Math.max(0, to - from).toFixed(1)}" height="${height.toFixed(1)}"/>
<text class="figure" x="${((from + to) / 2).toFixed(1)}" y="${(base - height - 3).toFixed(1)}" text-anchor="middle">${rate(value)}</text>`;
  };
  return markup`<text class="thread" x="${scale.left - 8}" y="${base - 4}" text-anchor="end">${clusterLabel(cluster, drawn)}<title>${cluster.calls.join(' ')}</title></text>
<line class="axis" x1="${scale.left}" x2="${scale.right}" y1="${base}" y2="${base}"/>
${step(before, scale.left, scale.onset, false)}${step(after, scale.onset, scale.right, after > before)}`;
}

function barHeight(value: number): number {
  if (value < LEAST_RATE) return 0;
  return Math.min(RATE_LANE - 16, 1 + (Math.log10(value / LEAST_RATE) * DECADE) / 2);
}

/** The two calls, or where they are long the one, that the fewest of the other drawn clusters have. */
export function clusterLabel(cluster: ClusterReport, drawn: readonly ClusterReport[]): string {
  const shared = (call: string) => drawn.filter(({ calls }) => calls.includes(call)).length;
  const telling = cluster.calls
    .map((call, place) => ({ call, place, shared: shared(call) }))
    // Calls that tell a cluster apart come last in most.
    .sort((a, b) => a.shared - b.shared || b.place - a.place)
    .slice(0, 2);
  const both = telling
    .toSorted((a, b) => a.place - b.place)
    .map(({ call }) => call)
    .join(' ');
  const text = both.length <= LABEL_LENGTH ? both : (telling[0]?.call ?? '');
  return text.length <= LABEL_LENGTH ? text : `${text.slice(0, LABEL_LENGTH - 1)}…`;
}

/** Clusters of like units: how many, how often before and after the onset. */
import { count, rate, ratio, seconds } from '../figures.ts';
import type { ClusterReport, Report } from '../report.ts';
import { type Markup, markup, NOTHING } from './markup.ts';

/** Rows shown at once; the others fold away. */
const SHOWN = 10;

export function clusters(report: Report): Markup {
  if (report.clusters.length === 0) return NOTHING;
  const sorted = byChange(report.clusters);
  const rest = sorted.slice(SHOWN);
  return markup`<section>
<h2>Clusters of execution units</h2>
<p class="soft small">Units in which the same system calls appear; rates tell what began, stopped or sped up at the onset. Worst: how many of the report's worst units are among them.</p>
<div class="wide">${table(sorted.slice(0, SHOWN))}</div>
${rest.length === 0 ? NOTHING : markup`<details><summary>${count(rest.length)} more</summary><div class="wide">${table(rest)}</div></details>`}
</section>`;
}

/** What changed most at the onset first. */
export function byChange(all: readonly ClusterReport[]): ClusterReport[] {
  return [...all].sort(
    (a, b) =>
      changePerSecond(b) - changePerSecond(a) ||
      b.abnormalUnits - a.abnormalUnits ||
      b.units - a.units ||
      a.id - b.id,
  );
}

function changePerSecond({ ratePerSecondBefore, ratePerSecondAfter }: ClusterReport): number {
  return Math.abs((ratePerSecondAfter ?? 0) - (ratePerSecondBefore ?? 0));
}

function table(rows: readonly ClusterReport[]): Markup {
  return markup`<table><thead><tr><th>Calls</th><th class="number">Units</th><th class="number">Worst</th><th class="number">Before</th><th class="number">After</th><th class="number">Change</th><th class="number">Median</th></tr></thead>
<tbody>${rows.map(row)}</tbody></table>`;
}

function row(cluster: ClusterReport): Markup {
  const { ratePerSecondBefore: before, ratePerSecondAfter: after } = cluster;
  return markup`<tr><td class="calls name">${cluster.calls.join(' ')}</td><td class="number">${count(cluster.units)}</td><td class="number">${
    cluster.abnormalUnits === 0 ? '–' : count(cluster.abnormalUnits)
  }</td><td class="number">${before === null ? '–' : rate(before)}</td><td class="number">${after === null ? '–' : rate(after)}</td><td class="number">${change(before, after)}</td><td class="number">${seconds(cluster.medianDuration)}</td></tr>`;
}

function change(before: number | null, after: number | null): string {
  if (before === null || after === null) return '–';
  if (before === 0) return after === 0 ? '–' : 'new';
  if (after === 0) return 'stopped';
  return ratio(after / before);
}

/** The suspects with their evidence, the first largest. */
import { count, percent, plural, ratio } from '../figures.ts';
import type { Report, Suspect } from '../report.ts';
import { type Markup, markup, NOTHING } from './markup.ts';

/** Runs of unit ids listed per suspect; the rest are counted, and the JSON has all. */
const LISTED_RUNS = 12;

export function suspects(report: Report): Markup {
  const { narrowing } = report;
  if (report.verdict === 'normal') return NOTHING;
  const narrowed =
    narrowing.functions === 0
      ? 'No signatures were at hand, so no functions can be named.'
      : `${plural(narrowing.suspects, 'suspect')} of ${plural(narrowing.functions, 'function')} with a signature (${percent(narrowing.suspects / narrowing.functions)}).`;
  return markup`<section>
<h2>Suspects</h2>
<p class="soft small">${narrowed}</p>
<ol class="suspects">${report.suspects.map(suspect)}</ol>
</section>`;
}

function suspect(it: Suspect): Markup {
  return markup`<li><span class="rank">${it.rank}</span><div>
<div class="suspect-name name">${it.function}</div>
<div class="tags"><span class="tag ${it.confidence}">${it.confidence} confidence</span>${
    it.abnormality === null ? NOTHING : markup`<span class="tag">${ratio(it.abnormality)} normal</span>`
  }${it.object === '' ? NOTHING : markup`<span class="tag name">${it.object}</span>`}</div>
${scoreBar(it.score)}
<p>${it.evidence}</p>
${it.collidesWith.length === 0 ? NOTHING : collisions(it.collidesWith)}
${it.units.length === 0 ? NOTHING : unitIds(it.units)}
</div></li>`;
}

function collisions(names: readonly string[]): Markup {
  return markup`<details><summary>Not told apart from ${plural(names.length, 'other function')}</summary>
<ul class="plain">${names.map((name) => markup`<li class="name">${name}</li>`)}</ul></details>`;
}

function unitIds(units: readonly number[]): Markup {
  const runs = consecutive(units);
  const listed = runs
    .slice(0, LISTED_RUNS)
    .map(([first, last]) => (first === last ? first : `${first}–${last}`));
  const more = runs.slice(LISTED_RUNS).reduce((sum, [first, last]) => sum + last - first + 1, 0);
  return markup`<p class="soft small">Abnormal units behind it: ${listed.join(', ')}${more > 0 ? ` and ${count(more)} more` : ''}</p>`;
}

/** Ids that follow each other, as first and last. */
function consecutive(ids: readonly number[]): [first: number, last: number][] {
  const runs: [number, number][] = [];
  for (const id of [...ids].sort((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run !== undefined && id <= run[1] + 1) run[1] = id;
    else runs.push([id, id]);
  }
  return runs;
}

function scoreBar(score: number): Markup {
  const share = Math.min(1, Math.max(0, score));
  return markup`<svg class="score" viewBox="0 0 100 2" preserveAspectRatio="none" role="img"><title>${`score ${share.toFixed(2)}, relative to the first suspect`}</title><rect class="lane" width="100" height="2"/><rect class="abnormal" width="${(share * 100).toFixed(1)}" height="2"/></svg>`;
}

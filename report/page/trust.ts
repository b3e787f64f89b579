/** How far the report can be trusted: sensitivity to the time gap, coverage, warnings and what was skipped. */
import { percent, seconds } from '../figures.ts';
import type { GapSensitivity, Report } from '../report.ts';
import { type Markup, markup, NOTHING } from './markup.ts';

export function trust(report: Report): Markup {
  return markup`<section>
<h2>How far to trust this</h2>
${report.sensitivity === null ? NOTHING : sensitivity(report.sensitivity, report)}
${report.coverage === null ? markup`<p>No signature set was used: units and path stand, functions cannot be named.</p>` : coverage(report.coverage)}
${
  report.warnings.length === 0
    ? markup`<p>The reader skipped nothing of importance and there are no warnings.</p>`
    : markup`<p>Warnings, and what was skipped:</p><ul class="plain">${report.warnings.map((line) => markup`<li>${line}</li>`)}</ul>`
}
</section>`;
}

function sensitivity({ gapNs, halved, doubled, stable }: GapSensitivity, report: Report): Markup {
  const chosen = report.suspects.map((suspect) => suspect.function);
  return markup`<p>Execution units end at a time gap of ${seconds(gapNs / 1e9)}, chosen from this trace. With half and with twice that gap the first suspect ${
    stable ? 'stays the same' : markup`<strong>changes</strong>: read the ranking as a set, not as an order`
  }.</p>
${
  chosen.length + halved.length + doubled.length === 0
    ? NOTHING
    : markup`<div class="wide"><table><thead><tr><th>Gap</th><th>First suspects, in order</th></tr></thead><tbody>
${gapRow(`${seconds(gapNs / 2e9)} (half)`, halved)}${gapRow(`${seconds(gapNs / 1e9)} (chosen)`, chosen)}${gapRow(`${seconds((gapNs * 2) / 1e9)} (twice)`, doubled)}
</tbody></table></div>`
}`;
}

function gapRow(gap: string, functions: readonly string[]): Markup {
  return markup`<tr><td>${gap}</td><td class="name">${functions.slice(0, 5).join(', ') || 'none'}</td></tr>`;
}

function coverage(share: number): Markup {
  return markup`<p>The signatures' normal behaviour explains ${percent(share)} of the system calls in this window.</p>`;
}

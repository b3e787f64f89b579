/** How far the report can be trusted: coverage, warnings and what was skipped. */
import { percent } from '../figures.ts';
import { knownCalls } from '../onset.ts';
import type { Report } from '../report.ts';
import { type Markup, markup } from './markup.ts';

export function trust(report: Report): Markup {
  return markup`<section>
<h2>How far to trust this</h2>
${report.coverage === null ? markup`<p>No signature set was used: units and path stand, functions cannot be named.</p>` : coverage(report.coverage, knownCalls(report.onset, report.window.start))}
${
  report.warnings.length === 0
    ? markup`<p>The reader skipped nothing of importance and there are no warnings.</p>`
    : markup`<p>Warnings, and what was skipped:</p><ul class="plain">${report.warnings.map((line) => markup`<li>${line}</li>`)}</ul>`
}
</section>`;
}

function coverage(share: number, calls: string): Markup {
  return markup`<p>The signatures know ${percent(share)} of ${calls}: the profiles show such a call where it was made.</p>`;
}

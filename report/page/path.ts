/** The path: the calls of the worst unit from the onset on, loops folded, who woke whom. */
import { count, seconds } from '../figures.ts';
import type { PathStep, Report } from '../report.ts';
import { fromOnset, threadName } from '../short-path.ts';
import { type Markup, markup, NOTHING } from './markup.ts';

/** Steps shown at once; the others fold away. */
const SHOWN = 20;
/** Of a long step that no loop folds, its first and its last calls; those between fold away. */
const FIRST_CALLS = 12;
const LAST_CALLS = 4;
/** Fewer calls are shown as they are: folding them would save no line. */
const FOLDED_FROM = 24;

/** The step in which the onset falls may begin with calls just before it. */
const ONSET_TOLERANCE_SECONDS = 0.0005;

export function path(report: Report): Markup {
  if (report.path.length === 0) return NOTHING;
  const rest = report.path.slice(SHOWN);
  const onsetStep = report.path.findIndex(
    (step) => report.onset !== null && step.time >= report.onset - ONSET_TOLERANCE_SECONDS,
  );
  const item = (step: PathStep, index: number) =>
    stepMarkup(step, index > 0 && index === onsetStep, report.onset);
  return markup`<section>
<h2>Path of system calls</h2>
<p class="soft small">${
    report.onset === null ? "Times in the trace's own clock." : 'Times from the onset.'
  } A call that failed shows its error after an arrow; × counts repetitions in a row.</p>
<ol class="path">${report.path.slice(0, SHOWN).map(item)}</ol>
${
  rest.length === 0
    ? NOTHING
    : markup`<details><summary>${count(rest.length)} more steps</summary><ol class="path">${rest.map((step, index) => item(step, index + SHOWN))}</ol></details>`
}
</section>`;
}

function stepMarkup(step: PathStep, atOnset: boolean, onset: number | null): Markup {
  const time = onset === null ? step.time.toFixed(3) : fromOnset(step.time, onset);
  const repeat = step.repeat > 1 ? markup`<span class="loop">×${count(step.repeat)}</span>` : NOTHING;
  const woken =
    step.wokenBy === null
      ? NOTHING
      : markup`<span class="soft small">woken by ${threadName(step.wokenBy)}</span>`;
  return markup`<li class="${atOnset ? 'at-onset' : 'step'}"><div class="small"><span class="name">${time} s</span><br><span class="soft">${threadName(step.thread)}</span></div>
<div class="calls-list">${calls(step.calls)}${repeat}<span class="soft small">${step.duration === null ? 'never returned' : seconds(step.duration)}</span>${woken}</div></li>`;
}

function calls(names: readonly string[]): Markup {
  if (names.length < FOLDED_FROM) return markup`${names.map(call)}`;
  const between = names.slice(FIRST_CALLS, -LAST_CALLS);
  return markup`${names.slice(0, FIRST_CALLS).map(call)}<details><summary>${count(between.length)} more</summary><div class="calls-list">${between.map(call)}</div></details>${names.slice(-LAST_CALLS).map(call)}`;
}

function call(name: string): Markup {
  return markup`<span class="${/→E[A-Z]/.test(name) ? 'call failing name' : 'call name'}">${name}</span>`;
}

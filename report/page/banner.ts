/** The first thing a reader sees: what, how sure, since when, where. */
import { count, percent, plural, seconds } from '../figures.ts';
import { beganBefore, knownCalls } from '../onset.ts';
import type { Report, Verdict } from '../report.ts';
import { type Markup, markup, NOTHING } from './markup.ts';

export interface PageSubject {
  readonly node?: string;
  readonly incident?: string;
}

/** What the banner looks like (style.ts). */
const TONES: Readonly<Record<Verdict, 'bad' | 'warn' | 'good'>> = {
  hang: 'bad',
  spin: 'bad',
  slowdown: 'warn',
  normal: 'good',
};

const WHAT: Readonly<Record<Verdict, string>> = {
  hang: 'Hang',
  spin: 'Spin',
  slowdown: 'Slowdown',
  normal: 'Nothing abnormal',
};

export function banner(report: Report, subject: PageSubject): Markup {
  return markup`<section class="banner ${TONES[report.verdict]}">
<span class="verdict">${report.verdict}</span>
<h1>${headline(report)}</h1>
<p>${report.summary}</p>
<dl>
${fact('Service', report.service ?? 'not named')}
${report.build === null || report.build === '' ? NOTHING : fact('Build', report.build)}
${subject.node === undefined ? NOTHING : fact('Node', subject.node)}
${subject.incident === undefined ? NOTHING : fact('Incident', subject.incident)}
${report.onset === null ? NOTHING : fact('Since', onset(report, report.onset))}
${fact('Confidence', report.confidence)}
${fact('Window', `${seconds(report.window.end - report.window.start)}, ${plural(report.window.calls, 'system call')}, ${plural(report.window.threads, 'thread')}`)}
${fact('Lost events', report.window.lost === 0 ? 'none' : count(report.window.lost))}
${fact('Known to the signatures', report.coverage === null ? 'no signatures' : `${percent(report.coverage)} of ${knownCalls(report.onset, report.window.start)}`)}
</dl>
</section>`;
}

export function headline(report: Report): string {
  const where = report.service ?? 'this trace';
  const [leading] = report.suspects;
  const what = `${WHAT[report.verdict]} in ${where}`;
  return leading === undefined ? what : `${what}, most likely in ${leading.function}`;
}

function onset(report: Report, at: number): string {
  if (beganBefore(at, report.window.start))
    return `before the window began, ${seconds(report.window.end - at)} before its end`;
  return `${seconds(report.window.end - at)} before the window's end (${at.toFixed(3)} s in the trace's clock)`;
}

function fact(name: string, value: string): Markup {
  return markup`<div><dt>${name}</dt><dd>${value}</dd></div>`;
}

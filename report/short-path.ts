/** The path in a handful of lines, as the notification shows it. */
import { count, seconds } from './figures.ts';
import { plain } from './plain.ts';
import type { PathStep, Report } from './report.ts';

const SHORT_PATH_STEPS = 8;
/** Calls shown of one step. */
const STEP_CALLS = 6;

export function shortPath(report: Report): string[] {
  const { path, onset } = report;
  const steps = path.slice(0, SHORT_PATH_STEPS).map((step) => shortStep(step, onset));
  const more = path.length - steps.length;
  return more > 0 ? [...steps, `… and ${count(more)} more steps on the page`] : steps;
}

function shortStep(step: PathStep, onset: number | null): string {
  const calls =
    step.calls.slice(0, STEP_CALLS).map(shortCall).join(', ') + (step.calls.length > STEP_CALLS ? ', …' : '');
  const repeat = step.repeat > 1 ? ` ×${count(step.repeat)}` : '';
  const lasted = step.duration === null ? ', never returned' : `, ${seconds(step.duration)}`;
  const woken = step.wokenBy === null ? '' : `, woken by ${threadName(step.wokenBy)}`;
  return plain(`${when(step.time, onset)} ${threadName(step.thread)}: ${calls}${repeat}${lasted}${woken}`);
}

/** A zero is worth its room only where it means something: the end of the input. */
function shortCall(call: string): string {
  return /^(?:p?read|recv)/.test(call) ? call : call.replace(/→0$/, '');
}

function when(time: number, onset: number | null): string {
  if (onset === null) return `${time.toFixed(3)} s`;
  return `${fromOnset(time, onset)}\u00a0s`;
}

/** Signed seconds from the onset to three places. */
export function fromOnset(time: number, onset: number): string {
  const difference = (time - onset).toFixed(3);
  return difference === '-0.000' ? '+0.000' : difference.replace(/^(?=\d)/, '+').replace('-', '−');
}

export function threadName(thread: { readonly tid: number; readonly comm: string }): string {
  return thread.comm === '' ? String(thread.tid) : `${thread.comm}/${thread.tid}`;
}

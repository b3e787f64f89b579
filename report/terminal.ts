/** The report as text for a terminal: the answer first, then what it rests on. */
import { count, percent, ratio, seconds, utc } from './figures.ts';
import { beganBefore, knownCalls } from './onset.ts';
import { plain, wrap } from './plain.ts';
import type { ClusterReport, PathStep, Report, Suspect, UnitReport } from './report.ts';

const WIDTH = 100;

const NO_BREAK_SPACE = '\u00a0';

/** The worst units and the path's first steps are shown; the JSON and the page have all. */
const SHOWN_UNITS = 5;
const SHOWN_STEPS = 10;
const SHOWN_CALLS = 12;
const SHOWN_CLUSTERS = 5;

/** A trace's clock that counts from later than this is the calendar's (strace -ttt), not one since boot. */
const CALENDAR_FROM_SECONDS = Date.UTC(2000, 0, 1) / 1000;

export function renderTerminalReport(report: Report): string {
  const sections =
    report.verdict === 'normal'
      ? [headline(report), windowSection(report), warningSection(report)]
      : [
          headline(report),
          suspectSection(report),
          pathSection(report),
          unitSection(report),
          clusterSection(report),
          windowSection(report),
          warningSection(report),
        ];
  const text = sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
  // Lines are broken by now: plain blanks are easier to search and to copy from a terminal.
  return `${text.replaceAll(NO_BREAK_SPACE, ' ')}\n`;
}

function headline({ verdict, confidence, onset, window, summary }: Report): string[] {
  const since =
    onset === null
      ? ''
      : beganBefore(onset, window.start)
        ? `, since before the window began at ${when(onset, window.start)}`
        : `, since ${when(onset, window.start)}`;
  return [`${verdict.toUpperCase()} (${confidence} confidence)${since}`, ...wrap(plain(summary), WIDTH, '')];
}

function suspectSection({ suspects, narrowing }: Report): string[] {
  if (suspects.length === 0) {
    return [
      narrowing.functions === 0
        ? 'Suspects: none can be named without signatures (perfscope mine makes them, --signatures gives them)'
        : `Suspects: none of ${count(narrowing.functions)} functions matches`,
    ];
  }
  const share = narrowing.functions === 0 ? '' : `, ${percent(narrowing.suspects / narrowing.functions)}`;
  return [
    `Suspects (${count(narrowing.suspects)} of ${count(narrowing.functions)} functions${share})`,
    ...suspects.flatMap(suspectLines),
  ];
}

function suspectLines(suspect: Suspect): string[] {
  const where = suspect.object === '' ? '' : `  in ${plain(suspect.object)}`;
  return [
    `${String(suspect.rank).padStart(3)}. ${plain(suspect.function)}${where}`,
    ...wrap(
      `${suspect.abnormality === null ? '' : `${ratio(suspect.abnormality)} normal, `}${suspect.confidence} confidence. ${plain(suspect.evidence)}`,
      WIDTH,
      '     ',
    ),
    ...(suspect.collidesWith.length === 0
      ? []
      : wrap(`Not told apart from: ${suspect.collidesWith.map(plain).join(', ')}`, WIDTH, '     ')),
  ];
}

function pathSection({ path, onset, window }: Report): string[] {
  if (path.length === 0) return [];
  const zero = onset ?? window.start;
  return [
    `How it came about, by system calls (seconds from ${onset === null ? "the window's start" : 'the onset'})`,
    ...path.slice(0, SHOWN_STEPS).flatMap((step) => stepLines(step, zero)),
    ...more(path.length - SHOWN_STEPS, 'step'),
  ];
}

function stepLines(step: PathStep, zero: number): string[] {
  const lasted = step.duration === null ? 'has not ended' : seconds(step.duration);
  const woken = step.wokenBy === null ? '' : `, woken by ${plain(step.wokenBy.comm)} ${step.wokenBy.tid}`;
  const repeated = step.repeat === 1 ? '' : `, repeated ${count(step.repeat)} times`;
  return [
    `  ${signed(step.time - zero).padStart(9)}  ${threadName(step.thread)}, ${lasted}${repeated}${woken}`,
    ...wrap(callsInShort(step.calls), WIDTH, '             '),
  ];
}

/** `read→EAGAIN, write ×3, …`: a call that follows itself once, and not more than a reader takes in. */
function callsInShort(calls: readonly string[]): string {
  const runs: { readonly call: string; times: number }[] = [];
  for (const call of calls) {
    const last = runs.at(-1);
    if (last !== undefined && last.call === call) last.times++;
    else runs.push({ call, times: 1 });
  }
  const shown = runs
    .slice(0, SHOWN_CALLS)
    .map(({ call, times }) => (times === 1 ? plain(call) : `${plain(call)} ×${times}`));
  const left = runs.slice(SHOWN_CALLS).reduce((sum, { times }) => sum + times, 0);
  return `${shown.join(', ')}${left === 0 ? '' : ` … and ${count(left)} more calls`}`;
}

function unitSection({ units, window }: Report): string[] {
  if (units.length === 0) return [];
  const worst = [...units].sort((a, b) => b.abnormality - a.abnormality || a.id - b.id);
  return [
    `Abnormal execution units (the worst of ${count(units.length)})`,
    ...worst.slice(0, SHOWN_UNITS).map((unit) => unitLine(unit, window.start)),
  ];
}

function unitLine(unit: UnitReport, windowStart: number): string {
  const lasted = unit.duration === null ? 'has not ended' : `lasted ${seconds(unit.duration)}`;
  return (
    `  unit ${unit.id}: ${threadName(unit.thread)}, at ${signed(unit.start - windowStart)} s,` +
    ` ${count(unit.calls)} calls, ${lasted}: ${plain(unit.why)}`
  );
}

function clusterSection({ clusters }: Report): string[] {
  const abnormal = clusters
    .filter(({ abnormalUnits }) => abnormalUnits > 0)
    .sort((a, b) => b.abnormalUnits - a.abnormalUnits || a.id - b.id);
  if (abnormal.length === 0) return [];
  return [
    'Clusters with abnormal units',
    ...abnormal.slice(0, SHOWN_CLUSTERS).flatMap((cluster) => wrap(clusterText(cluster), WIDTH, '  ')),
    ...more(abnormal.length - SHOWN_CLUSTERS, 'cluster'),
  ];
}

function clusterText(cluster: ClusterReport): string {
  const { ratePerSecondBefore: before, ratePerSecondAfter: after } = cluster;
  const rates =
    before === null || after === null
      ? ''
      : `, ${before.toPrecision(3)}/s before and ${after.toPrecision(3)}/s after`;
  return (
    `${count(cluster.abnormalUnits)} of ${count(cluster.units)} units${rates},` +
    ` median ${seconds(cluster.medianDuration)}: ${cluster.calls.map(plain).join(' ')}`
  );
}

function windowSection({ window, coverage, onset, service, build }: Report): string[] {
  const lost = window.lost === 0 ? 'none lost' : `${count(window.lost)} lost`;
  const lines = [
    `Window: ${seconds(window.end - window.start)} from ${when(window.start, window.start)}, ${count(window.calls)}` +
      ` system calls of ${count(window.threads)} threads, ${lost} (${window.format})`,
  ];
  if (service !== null) {
    const version = build === null || build === '' ? '' : ` ${plain(build)}`;
    const explained =
      coverage === null ? '' : `; they know ${percent(coverage)} of ${knownCalls(onset, window.start)}`;
    lines.push(`Signatures: ${plain(service)}${version}${explained}`);
  }
  return lines;
}

function warningSection({ warnings }: Report): string[] {
  if (warnings.length === 0) return [];
  return ['Warnings', ...warnings.flatMap((warning) => bullet(plain(warning)))];
}

function bullet(text: string): string[] {
  const [first = '', ...rest] = wrap(text, WIDTH, '    ');
  return [`  - ${first.trimStart()}`, ...rest];
}

function more(left: number, noun: string): string[] {
  return left <= 0 ? [] : [`  … and ${count(left)} more ${noun}${left === 1 ? '' : 's'}`];
}

function threadName(thread: { readonly tid: number; readonly comm: string }): string {
  return thread.comm === '' ? `thread ${thread.tid}` : `${plain(thread.comm)} ${thread.tid}`;
}

/** A moment in the trace's clock, from the window's start, and as a date where the clock is the calendar's. */
function when(time: number, windowStart: number): string {
  const date = time >= CALENDAR_FROM_SECONDS ? ` = ${utc(time)}` : '';
  const offset = time === windowStart ? '' : `${seconds(time - windowStart)} into the window, `;
  return `${offset}${time.toFixed(3)}${date}`;
}

function signed(value: number): string {
  const size = Math.abs(value).toFixed(3);
  return `${value < 0 && Number(size) > 0 ? '−' : '+'}${size}`;
}

/** Every sentence of the report that inference's numbers become. */

import type { AbnormalUnit } from '../inference/abnormal-units.ts';
import type { Evidence, Part } from '../inference/evidence.ts';
import type { Finding, GoneFinding, LoopFinding, StallFinding, StuckFinding } from '../inference/finding.ts';
import type { Inference } from '../inference/infer.ts';
import type { InferenceWarning } from '../inference/warnings.ts';
import { skipWarnings } from '../trace/skip-warnings.ts';
import type { Trace } from '../trace/trace.ts';
import { atLeast, count, percent, plural, ratio, seconds, significant } from './figures.ts';
import { knownCalls } from './onset.ts';
import type { Verdict } from './report.ts';

const CAPITALIZED: Readonly<Record<Exclude<Verdict, 'normal'>, string>> = {
  spin: 'Spinning',
  hang: 'Hanging',
  slowdown: 'Slowed down',
};

/** What happened, since when. */
export function summaryOf({ verdict, finding, normal, calls: { trace, column } }: Inference): string {
  if (finding === null || verdict === 'normal')
    return trace.length === 0 ? 'The trace holds no calls.' : 'Nothing abnormal was found in this window.';
  const since = seconds((trace.window.endNs - finding.onsetNs) / 1e9);
  const span =
    finding.onsetNs <= 0
      ? `in all ${since} of the window, and since before it`
      : `for the last ${since} of the window`;
  return `${CAPITALIZED[verdict]} ${span}: ${findingInWords(finding, trace, column.symbols, column.ids, normal !== null)}.`;
}

function findingInWords(
  finding: Finding,
  trace: Trace,
  symbols: readonly string[],
  ids: Uint16Array,
  withSignatures: boolean,
): string {
  const symbolOf = (row: number) => symbols[ids[row] as number] as string;
  switch (finding.kind) {
    case 'loop':
      return loopInWords(finding, symbols, withSignatures);
    case 'stuck':
      return stuckInWords(finding, trace);
    case 'gone':
      return goneInWords(finding, symbolOf);
    case 'stall':
      return stallInWords(finding, symbolOf);
  }
}

/** Symbols of a loop that are named. */
const NAMED_SYMBOLS = 4;

function loopInWords(finding: LoopFinding, symbols: readonly string[], withSignatures: boolean): string {
  const { leader, leaderPerSecond, normalPerSecond } = finding;
  const others = finding.symbols
    .filter((symbol) => symbol !== leader)
    .slice(0, NAMED_SYMBOLS - 1)
    .map((symbol) => symbols[symbol]);
  const usual =
    normalPerSecond === 0
      ? neverSeen(finding.onsetNs > 0, withSignatures)
      : `normally at most ${significant(normalPerSecond)}`;
  const together = others.length === 0 ? '' : `, together with ${others.join(', ')}`;
  return `${symbols[leader]} is repeated ${significant(leaderPerSecond)} times a second (${usual})${together}`;
}

/** Of a symbol that no yardstick shows: which yardsticks there were. */
function neverSeen(before: boolean, withSignatures: boolean): string {
  if (!withSignatures) return 'never before';
  return before ? 'never before, nor in normal runs' : 'never in normal runs';
}

function stuckInWords({ stuck }: StuckFinding, trace: Trace): string {
  const [longest] = stuck;
  if (longest === undefined) return 'a call does not return';
  const { row, openNs, normalNs } = longest;
  const call = trace.callNames[trace.call[row] as number] as string;
  const usual = normalNs === 0 ? 'no normal time is known' : `normally at most ${seconds(normalNs / 1e9)}`;
  return stuck.length === 1
    ? `a thread has not returned from ${call} for ${seconds(openNs / 1e9)} (${usual})`
    : `${plural(stuck.length, 'thread')} have not returned from their last call; open longest is ${call}, for ${seconds(openNs / 1e9)} (${usual})`;
}

function goneInWords(
  { row, silentNs, usualNext, onCpu }: GoneFinding,
  symbolOf: (row: number) => string,
): string {
  const next = usualNext === null ? '' : `, which ${usualNext} follows most often in normal runs,`;
  const where = onCpu === null ? '' : onCpu ? ': it burns CPU' : ': it was not run';
  return `a thread made no system call for ${seconds(silentNs / 1e9)} after ${symbolOf(row)}${next} and waits in none${where}`;
}

function stallInWords(
  { slow, requests, abnormality }: StallFinding,
  symbolOf: (row: number) => string,
): string {
  const worst = slow.reduce((a, b) => (b.latencyNs > a.latencyNs ? b : a));
  return (
    `${count(slow.length)} of ${plural(requests, 'request')} waited for their answer up to ${seconds(worst.latencyNs / 1e9)}, ` +
    `half of them at least ${atLeast(abnormality)} times as long as ever in normal runs; ` +
    `the slowest was received by ${symbolOf(worst.received)}`
  );
}

/** Why a function is a suspect, by counts. */
export function evidenceInWords(evidence: Evidence): string {
  const usual = `In normal runs ${shareInWords(evidence.normalCalls, 'call')} are made under it.`;
  switch (evidence.kind) {
    case 'loop':
      return `${capital(shareInWords(evidence.calls, 'call'))} of the loop were made under it. ${usual}`;
    case 'stuck':
      return `${stuckEvidence(evidence.stuck, evidence.leading)} ${usual}`;
    case 'gone':
      return `It may run between the last call that was made and those that normally follow. ${usual}`;
    case 'stall':
      return `${stallEvidence(evidence)} ${usual}`;
  }
}

function stuckEvidence(stuck: Part, leading: Part): string {
  if (stuck.under === 0)
    return `${capital(shareInWords(leading, 'call'))} right before those that do not return were made under it.`;
  return stuck.of === 1
    ? 'The call that does not return was made under it.'
    : `${capital(shareInWords(stuck, 'call'))} that do not return were made under it.`;
}

function stallEvidence({ requests, waits, busier }: Extract<Evidence, { kind: 'stall' }>): string {
  const parts = [
    ...(requests.under === 0
      ? []
      : [`${shareInWords(requests, 'slow request')} were received or answered under it`]),
    ...(waits.under === 0
      ? []
      : [`${shareInWords(waits, 'call')} around the longest waits within them were made under it`]),
    ...(busier.under === 0
      ? []
      : [`${shareInWords(busier, 'call')} that became far more frequent were made under it`]),
  ];
  return `${capital(parts.join('; '))}.`;
}

/** `31,700 of 52,311 calls (60.6 %)` */
function shareInWords({ under, of }: Part, one: string): string {
  const share = of === 0 ? '' : ` (${percent(under / of)})`;
  return `${count(under)} of ${plural(of, one)}${share}`;
}

/** Why a unit is among the abnormal ones. */
export function unitInWords({ abnormality, by }: AbnormalUnit, finding: Finding): string {
  switch (by) {
    case 'time':
      return `execution time ${ratio(abnormality)} its cluster's normal`;
    case 'calls':
      return `${ratio(abnormality)} the calls of its cluster's normal`;
    case 'finding':
      return withinFinding(finding);
  }
}

function withinFinding({ kind, abnormality }: Finding): string {
  const times = `${atLeast(abnormality)} times`;
  switch (kind) {
    case 'loop':
      return `part of what is repeated at least ${times} as often as normal`;
    case 'stuck':
      return `holds or leads to a call that is open at least ${times} as long as normal`;
    case 'gone':
      return `leads to a silence at least ${times} as long as normal`;
    case 'stall':
      return `part of requests of which half wait at least ${times} as long as normal`;
  }
}

/** What a recorder says of its recording is passed on; nodes may be compromised, so not without end. */
const MAX_RECORDER_WARNINGS = 10;
const MAX_RECORDER_WARNING_CHARACTERS = 500;

export function warningsOf({ warnings, finding, calls: { trace } }: Inference): string[] {
  const known = knownCalls(finding?.onsetNs ?? null, 0);
  return [
    ...warnings.map((warning) => warningInWords(warning, known)),
    ...(trace.recording?.warnings ?? [])
      .slice(0, MAX_RECORDER_WARNINGS)
      .map(
        (warning) => `The recorder on the node says: ${warning.slice(0, MAX_RECORDER_WARNING_CHARACTERS)}`,
      ),
    ...skipWarnings(trace),
  ];
}

function warningInWords(warning: InferenceWarning, known: string): string {
  switch (warning.kind) {
    case 'no-signatures':
      return 'No signature set: functions cannot be named. Make one with `perfscope mine PROFILE… --service NAME` and publish it with `perfscope publish`.';
    case 'drift':
      return `The signatures explain only ${percent(warning.coverage)} of ${known}: the build or the workload has changed since they were mined. Mine again from profiles of this build.`;
    case 'unstable-signatures':
      return `${percent(warning.share)} of the signatures do not hold from one workload to another: profile more workloads.`;
    case 'stacks':
      return 'The trace has call stacks: functions are taken from them, not inferred.';
    case 'no-calls':
      return 'The faulty code makes no system calls: the suspects are the functions that may run there, with low confidence.';
    case 'lost-events':
      return `The recorder lost ${plural(warning.events, 'event')}: counts are lower bounds.`;
  }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

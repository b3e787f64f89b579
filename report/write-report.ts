import type { ClusterChange } from '../inference/cluster-changes.ts';
import type { Inference } from '../inference/infer.ts';
import type { PathSpan } from '../inference/path.ts';
import { OPEN, type Trace } from '../trace/trace.ts';
import {
  type ClusterReport,
  type PathStep,
  REPORT_SCHEMA,
  type Report,
  type Suspect,
  type UnitReport,
} from './report.ts';
import { evidenceInWords, summaryOf, unitInWords, warningsOf } from './words.ts';

/** Calls named per cluster: no unit of a real server shows as many different ones. */
export const MAX_CLUSTER_CALLS = 100;

/** Inference's numbers as the report. */
export function writeReport(inference: Inference): Report {
  const { calls, normal, verdict, confidence, finding, coverage } = inference;
  const { trace } = calls;
  const suspects = suspectReports(inference);
  return {
    schema: REPORT_SCHEMA,
    verdict,
    confidence,
    summary: breakable(summaryOf(inference)),
    onset: finding === null ? null : trace.window.startSeconds + finding.onsetNs / 1e9,
    service: normal?.service ?? null,
    build: normal?.build ?? null,
    suspects,
    narrowing: { suspects: suspects.length, functions: normal?.functions.length ?? 0 },
    window: windowReport(trace),
    coverage: coverage === null ? null : round(coverage),
    units: unitReports(inference),
    clusters: inference.clusterChanges.map((change) => clusterReport(change, calls.column.symbols)),
    path: inference.path.map((span) => pathStep(span, trace, calls.column.symbols)),
    warnings: warningsOf(inference).map(breakable),
  };
}

function suspectReports({ suspects, normal }: Inference): Suspect[] {
  const nameOf = (fn: number) => normal?.functions[fn]?.name ?? '';
  return suspects.map(({ fn, tied, confidence, evidence, units, score }, place) => ({
    rank: place + 1,
    function: nameOf(fn),
    object: normal?.functions[fn]?.object ?? '',
    collidesWith: tied.map(nameOf),
    abnormality: evidence.ratio === null ? null : round(evidence.ratio),
    confidence,
    evidence: breakable(evidenceInWords(evidence)),
    units,
    score: round(score),
  }));
}

function unitReports({ calls: { trace }, finding, units, clusters, abnormal }: Inference): UnitReport[] {
  if (finding === null) return [];
  return abnormal.map((abnormalUnit) => {
    const { unit, abnormality } = abnormalUnit;
    const duration = units.durationNs[unit] as number;
    return {
      id: unit,
      thread: threadReport(trace, units.thread[unit] as number),
      start: trace.window.startSeconds + (units.startNs[unit] as number) / 1e9,
      duration: duration === OPEN ? null : duration / 1e9,
      calls: (units.to[unit] as number) - (units.from[unit] as number),
      cluster: clusters.of[unit] as number,
      abnormality: round(abnormality),
      why: breakable(unitInWords(abnormalUnit, finding)),
    };
  });
}

function clusterReport(change: ClusterChange, symbols: readonly string[]): ClusterReport {
  const { cluster, units, abnormalUnits, perSecondBefore, perSecondAfter, medianNs } = change;
  return {
    id: cluster,
    calls: change.symbols.slice(0, MAX_CLUSTER_CALLS).map((symbol) => symbols[symbol] as string),
    units,
    abnormalUnits,
    ratePerSecondBefore: perSecondBefore === null ? null : round(perSecondBefore),
    ratePerSecondAfter: perSecondAfter === null ? null : round(perSecondAfter),
    medianDuration: round(medianNs / 1e9),
  };
}

export function pathStep(span: PathSpan, trace: Trace, symbols: readonly string[]): PathStep {
  const enter = trace.enterNs[span.row] as number;
  const returned = (trace.enterNs[span.lastRow] as number) + (trace.durationNs[span.lastRow] as number);
  const waker = span.wokenBy === null ? undefined : trace.threads[span.wokenBy];
  return {
    time: trace.window.startSeconds + enter / 1e9,
    thread: threadReport(trace, span.thread),
    calls: span.symbols.map((symbol) => callInWords(symbols[symbol] as string)),
    repeat: span.repeat,
    duration: returned === OPEN ? null : (returned - enter) / 1e9,
    wokenBy: waker === undefined ? null : { tid: waker.tid, comm: waker.comm },
  };
}

/** `read=EAGAIN` as `read→EAGAIN`, a call that never returned as `read→…`. */
function callInWords(symbol: string): string {
  return symbol.replace('=', '→').replace('?', '→…');
}

function threadReport(trace: Trace, index: number): UnitReport['thread'] {
  const { pid, tid, comm } = trace.threads[index] as Trace['threads'][number];
  return { pid, tid, comm };
}

function windowReport(trace: Trace): Report['window'] {
  const { startSeconds, endNs } = trace.window;
  return {
    start: startSeconds,
    end: startSeconds + endNs / 1e9,
    calls: trace.length,
    lost: trace.losses.reduce((sum, loss) => sum + loss.events, 0),
    threads: trace.threads.length,
    format: trace.format,
  };
}

const NO_BREAK_SPACE = /\u00a0/g;

/** The document is searched and cut by programs: plain blanks. */
function breakable(text: string): string {
  return text.replace(NO_BREAK_SPACE, ' ');
}

/** Six significant digits: more than any reader compares, and the same text on every machine. */
function round(value: number): number {
  return Number(value.toPrecision(6));
}

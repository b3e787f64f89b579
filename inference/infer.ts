import { dispatchCalls } from '../calls/dispatch.ts';
import { symbolColumn } from '../calls/symbols.ts';
import { traitColumns } from '../calls/traits.ts';
import { type GapSensitivity, REPORT_SCHEMA, type Report } from '../report/report.ts';
import type { SignatureSet } from '../signatures/signature-set.ts';
import { cropTrace } from '../trace/crop-trace.ts';
import type { Trace } from '../trace/trace.ts';
import { type AbnormalUnit, abnormalUnits } from './abnormal-units.ts';
import { type Attribution, attributeCalls } from './attribute.ts';
import { attributeByStack, hasStacks } from './attribute-by-stack.ts';
import { type CallModel, callModel } from './call-model.ts';
import { type Clusters, clusterUnits } from './cluster.ts';
import { clusterReports, summarize, suspectReports, unitReports, windowReport } from './describe.ts';
import { diagnose } from './diagnose.ts';
import { type Finding, type Observation, observe } from './evidence.ts';
import { matchUnits } from './match.ts';
import { type MethodOptions, wholeMethod } from './method-options.ts';
import { rankByIncrease } from './paper-ranking.ts';
import { abnormalPath } from './path.ts';
import { type Candidate, rankFunctions } from './rank.ts';
import { chooseGap, segment, type Units } from './units.ts';
import { coverageOf, inferenceWarnings } from './warnings.ts';

/** At most this many suspects are named, or this share of the functions, whichever is more. */
export const MAX_SUSPECTS = 5;
export const MAX_SUSPECT_SHARE = 0.023;

/**
 * The method, online (PerfScope, section 2.3): a trace and what is normal for the service in, a report out. Pure: the
 * same input gives the same report.
 *
 * @param options what to leave out, for measuring; production leaves out nothing
 * @param signatures null gives a report with the abnormal units and the path, but without functions
 */
export function infer(
  recorded: Trace,
  signatures: SignatureSet | null,
  options: MethodOptions = wholeMethod,
): Report {
  const trace = covered(recorded);
  const column = symbolColumn(trace);
  const dispatch = dispatchCalls(trace);
  const model = signatures === null ? null : callModel(signatures);
  const byStack = model !== null && hasStacks(trace);
  const attribution = model === null ? null : attribute(trace, column, model, byStack, options);
  const observation = observe(trace, column, dispatch, model, attribution);
  const { verdict, confidence, finding } = diagnose(observation);
  const gapNs = chooseGap(trace);
  const units = segment(trace, dispatch, gapNs);
  const clusters = clusterUnits(units, column);
  const coverage = attribution === null ? null : coverageOf(trace, attribution, finding);
  const abnormal = finding === null ? [] : abnormalUnits(finding, trace, units, clusters);
  const functions = signatures?.functions.length ?? 0;
  const most = Math.max(MAX_SUSPECTS, Math.floor(functions * MAX_SUSPECT_SHARE));
  const ranked = finding === null ? [] : rankByUnits(finding, observation, units, abnormal, options);
  const suspects =
    finding === null || signatures === null
      ? []
      : suspectReports({ ranked, most, finding, observation, units, abnormal, signatures, coverage });
  return {
    schema: REPORT_SCHEMA,
    verdict,
    confidence,
    summary: summarize(verdict, finding, observation),
    onset: finding === null ? null : trace.window.startSeconds + finding.onsetNs / 1e9,
    service: signatures?.service ?? null,
    build: signatures?.build ?? null,
    suspects,
    narrowing: { suspects: suspects.length, functions },
    window: windowReport(trace),
    coverage,
    sensitivity:
      finding === null || signatures === null
        ? null
        : sensitivityOf(finding, observation, gapNs, signatures, options),
    units: unitReports(abnormal, trace, units, clusters),
    clusters: clusterReports(trace, column, units, clusters, abnormal, finding),
    path: finding === null ? [] : abnormalPath(finding, trace, column, observation.threadRows),
    warnings: inferenceWarnings({ trace, signatures, coverage, byStack, finding }),
  };
}

/**
 * The part in which all CPUs are covered: rings do not start at the same instant, and before the latest of them calls
 * are missing that were made.
 */
function covered(trace: Trace): Trace {
  const { coveredFromNs, endNs } = trace.window;
  return coveredFromNs > 0 && coveredFromNs < endNs ? cropTrace(trace, coveredFromNs, endNs + 1) : trace;
}

function attribute(
  trace: Trace,
  column: ReturnType<typeof symbolColumn>,
  model: CallModel,
  byStack: boolean,
  options: MethodOptions,
): Attribution {
  if (byStack) return attributeByStack(trace, column, model);
  return attributeCalls(trace, column, traitColumns(trace, column.ids, column.symbols), model, options);
}

/** What a function loses at most for episodes that do not occur in the abnormal units. */
const EPISODE_WEIGHT = 0.15;

/** The ranking by calls, weighed with how much of the abnormal units each function's episodes match. */
function rankByUnits(
  finding: Finding,
  observation: Observation,
  units: Units,
  abnormal: readonly AbnormalUnit[],
  options: MethodOptions,
): Candidate[] {
  const { column, normal } = observation;
  if (normal === null) return [];
  const matches = matchUnits(
    units,
    abnormal.map(({ unit }) => unit),
    column,
    normal.set,
  );
  if (options.paperRanking) return rankByIncrease(abnormal, matches, normal);
  const total = abnormal.reduce((sum, { weight }) => sum + weight, 0);
  const weightOf = new Map(abnormal.map(({ unit, weight }) => [unit, weight]));
  const matched = (fn: number) => {
    if (options.without.has('episodes')) return 1;
    const weight = (matches.get(fn) ?? []).reduce((sum, unit) => sum + (weightOf.get(unit) ?? 0), 0);
    return 1 - EPISODE_WEIGHT * (1 - (total === 0 ? 0 : weight / total));
  };
  return rankFunctions(finding, observation, matched, options);
}

function sensitivityOf(
  finding: Finding,
  observation: Observation,
  gapNs: number,
  signatures: SignatureSet,
  options: MethodOptions,
): GapSensitivity {
  const { trace, column, dispatch } = observation;
  const first = (gap: number): string[] => {
    const units = segment(trace, dispatch, gap);
    const clusters: Clusters = clusterUnits(units, column);
    return rankByUnits(finding, observation, units, abnormalUnits(finding, trace, units, clusters), options)
      .slice(0, MAX_SUSPECTS)
      .map(({ fn }) => signatures.functions[fn]?.name ?? '');
  };
  const [chosen, halved, doubled] = [first(gapNs), first(gapNs / 2), first(gapNs * 2)];
  return { gapNs, halved, doubled, stable: chosen[0] === halved[0] && chosen[0] === doubled[0] };
}

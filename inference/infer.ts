import { type Calls, callsOf } from '../calls/calls.ts';
import { type Normal, normalOf } from '../signatures/normal.ts';
import type { SignatureSet } from '../signatures/signature-set.ts';
import { cropTrace } from '../trace/crop-trace.ts';
import type { Trace } from '../trace/trace.ts';
import { type AbnormalUnit, abnormalUnits } from './abnormal-units.ts';
import { attributeCalls } from './attribute.ts';
import { attributeByStack, hasStacks } from './attribute-by-stack.ts';
import { callModel } from './call-model.ts';
import { type Clusters, clusterUnits } from './cluster.ts';
import { type ClusterChange, clusterChanges } from './cluster-changes.ts';
import { diagnose } from './diagnose.ts';
import type { Finding } from './finding.ts';
import { matchUnits } from './match.ts';
import { type MethodOptions, wholeMethod } from './method-options.ts';
import { type Knowledge, type Observation, observe } from './observation.ts';
import { rankByIncrease } from './paper-ranking.ts';
import { abnormalPath, type PathSpan } from './path.ts';
import { type Candidate, rankFunctions } from './rank.ts';
import { type Suspect, suspectsOf } from './suspects.ts';
import { chooseGap, segment, type Units } from './units.ts';
import type { Confidence, Verdict } from './verdict.ts';
import { coverageOf, type InferenceWarning, inferenceWarnings } from './warnings.ts';

/** What inference found, in numbers: report/write-report.ts puts it into words. */
export interface Inference {
  /** The covered part of the trace: all numbers here are about it. */
  readonly calls: Calls;
  /** Null without signatures. */
  readonly normal: Normal | null;
  readonly verdict: Verdict;
  readonly confidence: Confidence;
  /** Null when the verdict is normal. */
  readonly finding: Finding | null;
  readonly suspects: readonly Suspect[];
  readonly units: Units;
  readonly clusters: Clusters;
  readonly abnormal: readonly AbnormalUnit[];
  readonly clusterChanges: readonly ClusterChange[];
  readonly path: readonly PathSpan[];
  /** Share (0…1) of the calls before the onset that the profiles know; null without signatures. */
  readonly coverage: number | null;
  readonly warnings: readonly InferenceWarning[];
}

/**
 * The method, online (PerfScope, section 2.3): a trace and what is normal for the service in, what is abnormal and
 * which functions most likely hold the bug out. Pure: the same input gives the same result.
 *
 * @param options what to leave out, for measuring; production leaves out nothing
 * @param signatures null gives the abnormal units and the path, but no functions
 */
export function infer(
  recorded: Trace,
  signatures: SignatureSet | null,
  options: MethodOptions = wholeMethod,
): Inference {
  const calls = callsOf(covered(recorded));
  const { trace } = calls;
  const normal = signatures === null ? null : normalOf(signatures);
  const byStack = normal !== null && hasStacks(trace);
  const observation = observed(calls, normal, byStack, options);
  const { knowledge } = observation;
  const { verdict, confidence, finding } = diagnose(observation);
  const units = segment(calls, chooseGap(calls));
  const clusters = clusterUnits(units, calls.column);
  const abnormal = finding === null ? [] : abnormalUnits(finding, trace, units, clusters);
  const coverage = knowledge === null ? null : coverageOf(trace, knowledge.attribution, finding);
  const suspects =
    finding === null || knowledge === null
      ? []
      : suspectsOf({
          ranked: rankByUnits(finding, observation, knowledge, units, abnormal, options),
          finding,
          observation,
          knowledge,
          units,
          abnormal,
          coverage: coverage ?? 0,
        });
  return {
    calls,
    normal,
    verdict,
    confidence,
    finding,
    suspects,
    units,
    clusters,
    abnormal,
    clusterChanges: clusterChanges(calls, units, clusters, abnormal, finding),
    path: finding === null ? [] : abnormalPath(finding, calls),
    coverage,
    warnings: inferenceWarnings({ trace, normal, coverage, byStack, finding }),
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

function observed(
  calls: Calls,
  normal: Normal | null,
  byStack: boolean,
  options: MethodOptions,
): Observation {
  if (normal === null) return observe(calls, null, null);
  const model = callModel(normal);
  return observe(
    calls,
    model,
    byStack ? attributeByStack(calls, model) : attributeCalls(calls, model, options),
  );
}

/** What a function loses at most for episodes that do not occur in the abnormal units. */
const EPISODE_WEIGHT = 0.15;

/** The ranking by calls, weighed with how much of the abnormal units each function's episodes match. */
function rankByUnits(
  finding: Finding,
  observation: Observation,
  { normal }: Knowledge,
  units: Units,
  abnormal: readonly AbnormalUnit[],
  options: MethodOptions,
): Candidate[] {
  const matches = matchUnits(
    units,
    abnormal.map(({ unit }) => unit),
    observation.calls.column,
    normal,
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

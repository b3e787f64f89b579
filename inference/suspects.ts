import type { AbnormalUnit } from './abnormal-units.ts';
import { type Evidence, evidenceFor } from './evidence.ts';
import type { Finding } from './finding.ts';
import type { Knowledge, Observation } from './observation.ts';
import type { Candidate } from './rank.ts';
import { type Units, unitOfRow } from './units.ts';
import type { Confidence } from './verdict.ts';
import { GOOD_COVERAGE } from './warnings.ts';

/** A ranked candidate, in numbers. */
export interface Suspect {
  /** Function number of Normal. */
  readonly fn: number;
  /** Functions that no evidence tells apart from it. */
  readonly tied: readonly number[];
  readonly confidence: Confidence;
  readonly evidence: Evidence;
  /** Abnormal units that hold calls made under it, those with the most of the abnormality first. */
  readonly units: readonly number[];
  /** Relative to the first suspect's, which is 1. */
  readonly score: number;
}

/** At most this many suspects are named, or this share of the functions, whichever is more. */
export const MAX_SUSPECTS = 5;
export const MAX_SUSPECT_SHARE = 0.023;

/** Relative advantage over the next suspect from which on the first is certain. */
const CLEAR_LEAD = 1.08;
const STRONG_COVER = 0.5;
/** Scores this near to each other are the same. */
const SAME_SCORE = 1e-12;

/** Units cited per suspect. */
const MAX_CITED_UNITS = 10;

/** The first of the ranked candidates, each with what speaks for it. */
export function suspectsOf(input: {
  readonly ranked: readonly Candidate[];
  readonly finding: Finding;
  readonly observation: Observation;
  readonly knowledge: Knowledge;
  readonly units: Units;
  readonly abnormal: readonly AbnormalUnit[];
  readonly coverage: number;
}): Suspect[] {
  const { ranked, finding, observation, knowledge, units, abnormal, coverage } = input;
  const { functions } = knowledge.normal;
  const most = Math.max(MAX_SUSPECTS, Math.floor(functions.length * MAX_SUSPECT_SHARE));
  const { paths } = knowledge.functions;
  const contexts = abnormalContexts(finding, knowledge, units, abnormal);
  const best = ranked[0]?.score ?? 1;
  return ranked.slice(0, most).map((candidate, place) => {
    const evidence = evidenceFor(candidate.fn, finding, observation.calls, knowledge);
    const next = ranked[place + 1]?.score ?? 0;
    return {
      fn: candidate.fn,
      tied: ranked
        .filter((other) => other !== candidate && Math.abs(other.score - candidate.score) < SAME_SCORE)
        .map(({ fn }) => fn),
      confidence: confidenceOf(finding, evidence, candidate, place, next, coverage),
      evidence,
      units: abnormal
        .filter(({ unit }) =>
          [...(contexts.get(unit) ?? [])].some((context) => paths[context]?.includes(candidate.fn)),
        )
        .slice(0, MAX_CITED_UNITS)
        .map(({ unit }) => unit),
      score: candidate.score / best,
    };
  });
}

/** Share of the loop's calls under a function from which on it holds the loop. */
const NEARLY_ALL = 0.85;

/**
 * Whether normal runs show such calls where these were made, so that their place is known and not guessed: a result or a
 * call that no profile shows is put where its thread was last. Several threads that hang wait for one another.
 */
function isPlain(finding: Finding, evidence: Evidence): boolean {
  switch (evidence.kind) {
    case 'loop':
      return (
        finding.kind === 'loop' &&
        finding.normalPerSecond > 0 &&
        evidence.ratio !== null &&
        evidence.calls.under >= NEARLY_ALL * evidence.calls.of
      );
    case 'stuck':
      return evidence.stuck.of === 1 && evidence.stuck.under === 1;
    case 'gone':
    case 'stall':
      return false;
  }
}

/** Contexts of the finding's calls in each abnormal unit. */
function abnormalContexts(
  finding: Finding,
  { attribution }: Knowledge,
  units: Units,
  abnormal: readonly AbnormalUnit[],
): ReadonlyMap<number, ReadonlySet<number>> {
  const found = new Map(abnormal.map(({ unit }) => [unit, new Set<number>()]));
  const unitOf = unitOfRow(units);
  for (const row of finding.calls.rows)
    found.get(unitOf[row] as number)?.add(attribution.contexts[row] as number);
  return found;
}

function confidenceOf(
  finding: Finding,
  evidence: Evidence,
  candidate: Candidate,
  place: number,
  next: number,
  coverage: number,
): Confidence {
  if (finding.kind === 'gone' || coverage < GOOD_COVERAGE / 2) return 'low';
  const strong = candidate.cover >= STRONG_COVER && coverage >= GOOD_COVERAGE;
  if (place === 0 && strong && candidate.score >= CLEAR_LEAD * next && isPlain(finding, evidence))
    return 'high';
  return candidate.cover >= STRONG_COVER ? 'medium' : 'low';
}

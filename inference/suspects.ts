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
  return ranked.slice(0, most).map((candidate, place) => ({
    fn: candidate.fn,
    tied: ranked
      .filter((other) => other !== candidate && Math.abs(other.score - candidate.score) < SAME_SCORE)
      .map(({ fn }) => fn),
    confidence: confidenceOf(finding, candidate, place, ranked[place + 1]?.score ?? 0, coverage),
    evidence: evidenceFor(candidate.fn, finding, observation.calls, knowledge),
    units: abnormal
      .filter(({ unit }) =>
        [...(contexts.get(unit) ?? [])].some((context) => paths[context]?.includes(candidate.fn)),
      )
      .slice(0, MAX_CITED_UNITS)
      .map(({ unit }) => unit),
    score: candidate.score / best,
  }));
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
  candidate: Candidate,
  place: number,
  next: number,
  coverage: number,
): Confidence {
  if (finding.kind === 'gone' || coverage < GOOD_COVERAGE / 2) return 'low';
  const strong = candidate.cover >= STRONG_COVER && coverage >= GOOD_COVERAGE;
  if (place === 0 && strong && candidate.score >= CLEAR_LEAD * next && finding.kind !== 'stall')
    return 'high';
  return candidate.cover >= STRONG_COVER ? 'medium' : 'low';
}

import type { Report, Suspect } from '../../report/report.ts';
import type { KnownCase } from './known-case.ts';

/** One case's result, as `perfscope eval --json` writes it. */
export interface CaseScore {
  readonly case: string;
  readonly verdict: string;
  readonly kinds: readonly string[];
  readonly primaryMakesCalls: boolean;
  /** Rank of the first true suspect, a collision group at its worst position; null where none is named. */
  readonly primaryRank: number | null;
  /** The same, functions on the same path counted as right too. */
  readonly relatedRank: number | null;
  readonly suspects: number;
  readonly functions: number;
  /** Null where the case has no baseline. */
  readonly baselineVerdict: string | null;
  /** Parts of the baseline (halves, busiest and quietest ten seconds) that were not found normal. */
  readonly falseAlarms: readonly string[];
  readonly mineSeconds: number;
  readonly seconds: number;
  readonly events: number;
}

export interface Summary {
  readonly cases: number;
  readonly withCalls: number;
  /** Shares (0…1) of the cases in which the faulty function makes calls. */
  readonly primaryFirst: number;
  readonly primaryWithin3: number;
  readonly primaryWithin5: number;
  /** Shares of all cases, related functions counted too. */
  readonly relatedFirst: number;
  readonly relatedWithin3: number;
  readonly verdictRight: number;
  /** Share of the baselines with the verdict normal. */
  readonly baselineNormal: number;
  /** Parts of baselines that raised a false alarm. */
  readonly falseAlarms: number;
}

/** A truth string names a function when it occurs as a whole: no word character or `$` right before or after it. */
export function namesTruth(name: string, truth: string): boolean {
  for (let at = name.indexOf(truth); at >= 0; at = name.indexOf(truth, at + 1)) {
    const before = name[at - 1];
    const after = name[at + truth.length];
    if (!isWord(before) && !isWord(after)) return true;
  }
  return false;
}

function isWord(character: string | undefined): boolean {
  return character !== undefined && /[\w$]/.test(character);
}

/** Rank of the first suspect that a truth names: members before its collision group plus the whole group. */
export function rankOfTruth(suspects: readonly Suspect[], truths: readonly string[]): number | null {
  const isTrue = (name: string) => truths.some((truth) => namesTruth(name, truth));
  let before = 0;
  for (let i = 0; i < suspects.length; ) {
    const suspect = suspects[i] as Suspect;
    const group = new Set([suspect.function, ...suspect.collidesWith]);
    let end = i + 1;
    while (end < suspects.length && group.has((suspects[end] as Suspect).function)) end++;
    const size = Math.max(group.size, end - i);
    if ([...group].some(isTrue)) return before + size;
    before += end - i;
    i = end;
  }
  return null;
}

export function scoreReport(
  known: Pick<KnownCase, 'primary' | 'related'>,
  report: Report,
): Pick<CaseScore, 'verdict' | 'primaryRank' | 'relatedRank'> {
  return {
    verdict: report.verdict,
    primaryRank: rankOfTruth(report.suspects, known.primary),
    relatedRank: rankOfTruth(report.suspects, [...known.primary, ...known.related]),
  };
}

export function summarize(scores: readonly CaseScore[]): Summary {
  const withCalls = scores.filter((score) => score.primaryMakesCalls);
  const share = <T>(of: readonly T[], holds: (item: T) => boolean) =>
    of.length === 0 ? 0 : Number((of.filter(holds).length / of.length).toFixed(4));
  const within = (rank: number | null, most: number) => rank !== null && rank <= most;
  return {
    cases: scores.length,
    withCalls: withCalls.length,
    primaryFirst: share(withCalls, ({ primaryRank }) => within(primaryRank, 1)),
    primaryWithin3: share(withCalls, ({ primaryRank }) => within(primaryRank, 3)),
    primaryWithin5: share(withCalls, ({ primaryRank }) => within(primaryRank, 5)),
    relatedFirst: share(scores, ({ relatedRank }) => within(relatedRank, 1)),
    relatedWithin3: share(scores, ({ relatedRank }) => within(relatedRank, 3)),
    verdictRight: share(scores, ({ verdict, kinds }) => kinds.includes(verdict)),
    baselineNormal: share(
      scores.filter(({ baselineVerdict }) => baselineVerdict !== null),
      ({ baselineVerdict }) => baselineVerdict === 'normal',
    ),
    falseAlarms: scores.reduce((sum, score) => sum + score.falseAlarms.length, 0),
  };
}

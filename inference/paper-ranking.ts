import type { Normal } from '../signatures/normal.ts';
import type { AbnormalUnit } from './abnormal-units.ts';
import type { Matches } from './match.ts';
import type { Candidate } from './rank.ts';

/**
 * The paper's ranking (PerfScope, section 2.5), kept as the yardstick to beat: functions whose episodes occur in
 * abnormal units, by the largest percentage increase in execution time or call frequency among those units. Ties by
 * the number of units matched.
 */
export function rankByIncrease(
  abnormal: readonly AbnormalUnit[],
  matches: Matches,
  normal: Normal,
): Candidate[] {
  const increase = new Map(abnormal.map(({ unit, abnormality }) => [unit, abnormality]));
  const found = normal.signatures.flatMap(({ fn }) => {
    const units = matches.get(fn) ?? [];
    if (units.length === 0) return [];
    const largest = Math.max(...units.map((unit) => increase.get(unit) ?? 0));
    return [{ fn, largest, units: units.length }];
  });
  const top = Math.max(1, ...found.map(({ largest }) => largest));
  return found
    .sort((a, b) => b.largest - a.largest || b.units - a.units || a.fn - b.fn)
    .map(({ fn, largest, units }) => ({
      fn,
      // Equal increases are a tie: the number of units only orders them.
      score: largest / top,
      cover: units / Math.max(1, abnormal.length),
    }));
}

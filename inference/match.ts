import { callOfSymbol, type SymbolColumn } from '../calls/symbols.ts';
import { countNonOverlapped } from '../signatures/episodes.ts';
import type { Normal } from '../signatures/normal.ts';
import type { Units } from './units.ts';

/** Calls of one unit that are searched for episodes: a unit that loops shows them in its first rounds. */
export const MAX_MATCHED_CALLS = 2_000;
/** An episode of one call is owned by too many functions to tell anything. */
const SHORTEST_TELLING_EPISODE = 2;

/** Per function (number in Normal): in which of the given units its episodes occur. */
export type Matches = ReadonlyMap<number, readonly number[]>;

/**
 * Runs the episodes' automata over units (PerfScope, section 2.4). A symbol that the set does not know falls back to
 * its call whatever the result: profiles of normal runs rarely show the failing one.
 */
export function matchUnits(
  units: Units,
  of: readonly number[],
  column: SymbolColumn,
  normal: Normal,
): Matches {
  const idOf = new Map(normal.symbols.map((symbol, id) => [symbol, id]));
  const idOfCall = new Map<string, number>();
  for (const [id, symbol] of normal.symbols.entries()) {
    const call = callOfSymbol(symbol);
    if (!idOfCall.has(call)) idOfCall.set(call, id);
  }
  const translated = column.symbols.map(
    (symbol) => idOf.get(symbol) ?? idOfCall.get(callOfSymbol(symbol)) ?? -1,
  );
  const matches = new Map<number, number[]>();
  for (const unit of of) {
    const from = units.from[unit] as number;
    const to = Math.min(units.to[unit] as number, from + MAX_MATCHED_CALLS);
    const sequence: number[] = [];
    for (let i = from; i < to; i++)
      sequence.push(translated[column.ids[units.rows[i] as number] as number] as number);
    const present = new Set(sequence);
    for (const { fn, episodes } of normal.signatures) {
      const matched = episodes.some(
        ({ symbols: episode }) =>
          episode.length >= SHORTEST_TELLING_EPISODE &&
          episode.every((symbol) => present.has(symbol)) &&
          countNonOverlapped(episode, sequence) > 0,
      );
      if (!matched) continue;
      const own = matches.get(fn);
      if (own === undefined) matches.set(fn, [unit]);
      else own.push(unit);
    }
  }
  return matches;
}

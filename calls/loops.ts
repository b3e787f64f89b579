/**
 * Loops folded: of a run that repeats the same calls again and again, the first two rounds are kept, and each left-out
 * call is represented by the call at the same place of the second. Folding is repeated, so that a loop of loops folds
 * too. Whatever is made of what is kept sees a loop's entry and one step back to its beginning, however long it runs.
 */
export interface Folded {
  /** Positions kept, ascending. */
  readonly kept: Uint32Array;
  /** Per original position, the index into `kept` of the call that stands for it. */
  readonly representative: Uint32Array;
  /** Per original position, how often its loop body has run before, as 1 + log2 rounded down; 0 outside loops. */
  readonly round: Uint8Array;
}

/** Longest loop body looked for, calls. */
export const MAX_PERIOD = 24;
/** A run is a loop from more than this many rounds on. */
export const FIRST_ROUNDS = 4;
/** Rounds kept of a loop: the step back to its beginning is seen once, however often it is made. */
const KEPT_ROUNDS = 2;
/** Loops of loops of loops: deeper nesting adds nothing. */
const PASSES = 3;

export function foldLoops(symbols: Uint16Array): Folded {
  let kept = Uint32Array.from(symbols, (_, i) => i);
  const representative = Uint32Array.from(kept);
  const round = new Uint8Array(symbols.length);
  for (let pass = 0; pass < PASSES; pass++) {
    // A thinned-out loop must not fold again: its rounds are told apart by their number.
    const folded = foldOnce(
      Uint32Array.from(kept, (at) => (symbols[at] as number) * 256 + (round[at] as number)),
    );
    if (pass === 0) round.set(folded.round);
    if (folded.kept.length === kept.length) break;
    for (let i = 0; i < representative.length; i++) {
      representative[i] = folded.representative[representative[i] as number] as number;
    }
    kept = folded.kept.map((index) => kept[index] as number);
  }
  return { kept, representative, round };
}

function foldOnce(symbols: Uint32Array): Folded {
  const kept: number[] = [];
  const representative = new Uint32Array(symbols.length);
  const round = new Uint8Array(symbols.length);
  let i = 0;
  while (i < symbols.length) {
    const { period, length } = loopAt(symbols, i);
    if (period === 0) {
      representative[i] = kept.length;
      kept.push(i++);
      continue;
    }
    let standIn = 0;
    for (let rounds = 0; rounds * period < length; rounds++) {
      const from = rounds * period;
      const to = Math.min(from + period, length);
      const keep = rounds < KEPT_ROUNDS;
      if (keep) standIn = kept.length;
      for (let j = from; j < to; j++) {
        if (keep) kept.push(i + j);
        representative[i + j] = standIn + (j - from);
        round[i + j] = 1 + Math.floor(Math.log2(rounds + 1));
      }
    }
    i += length;
  }
  return { kept: Uint32Array.from(kept), representative, round };
}

/** The loop that starts at `from`: the shortest body that repeats more than FIRST_ROUNDS times, and the run's length. */
function loopAt(symbols: Uint32Array, from: number): { period: number; length: number } {
  const longest = Math.min(MAX_PERIOD, Math.floor((symbols.length - from) / (FIRST_ROUNDS + 1)));
  for (let period = 1; period <= longest; period++) {
    let end = from + period;
    while (end < symbols.length && symbols[end] === symbols[end - period]) end++;
    if (end - from >= period * (FIRST_ROUNDS + 1)) return { period, length: end - from };
  }
  return { period: 0, length: 0 };
}

/**
 * Loops folded: of a run that repeats the same calls again and again, only the first rounds are kept, and each
 * left-out call is represented by the call at the same place of a kept round. Folding is repeated, so that a loop of
 * loops folds too.
 */
export interface Folded {
  /** Positions kept, ascending. */
  readonly kept: Uint32Array;
  /** Per original position, the index into `kept` of the call that stands for it. */
  readonly representative: Uint32Array;
}

/** Longest loop body looked for, calls. */
export const MAX_PERIOD = 24;
/** A run is a loop from this many rounds on; as many rounds are kept. */
export const KEPT_ROUNDS = 4;
/** Loops of loops of loops: deeper nesting adds nothing. */
const PASSES = 3;

export function foldLoops(symbols: Uint16Array): Folded {
  let kept = Uint32Array.from(symbols, (_, i) => i);
  const representative = Uint32Array.from(kept);
  for (let pass = 0; pass < PASSES; pass++) {
    const folded = foldOnce(Uint16Array.from(kept, (position) => symbols[position] as number));
    if (folded.kept.length === kept.length) break;
    for (let i = 0; i < representative.length; i++) {
      representative[i] = folded.representative[representative[i] as number] as number;
    }
    kept = folded.kept.map((index) => kept[index] as number);
  }
  return { kept, representative };
}

function foldOnce(symbols: Uint16Array): Folded {
  const kept: number[] = [];
  const representative = new Uint32Array(symbols.length);
  let i = 0;
  while (i < symbols.length) {
    const { period, length } = loopAt(symbols, i);
    const keep = period === 0 ? 1 : period * KEPT_ROUNDS;
    const first = kept.length;
    for (let j = 0; j < keep; j++) {
      representative[i + j] = kept.length;
      kept.push(i + j);
    }
    // A left-out call stands in the last kept round, at its own place of the loop body.
    for (let j = keep; j < length; j++) representative[i + j] = first + keep - period + ((j - keep) % period);
    i += Math.max(keep, length);
  }
  return { kept: Uint32Array.from(kept), representative };
}

/** The loop that starts at `from`: shortest body that repeats more than KEPT_ROUNDS times, and the run's length. */
function loopAt(symbols: Uint16Array, from: number): { period: number; length: number } {
  const longest = Math.min(MAX_PERIOD, Math.floor((symbols.length - from) / (KEPT_ROUNDS + 1)));
  for (let period = 1; period <= longest; period++) {
    let end = from + period;
    while (end < symbols.length && symbols[end] === symbols[end - period]) end++;
    if (end - from >= period * (KEPT_ROUNDS + 1)) return { period, length: end - from };
  }
  return { period: 0, length: 0 };
}

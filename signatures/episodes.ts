/**
 * Frequent closed serial episodes with non-overlapped counting.
 *
 * A serial episode is an ordered tuple of symbols, gaps allowed (Mannila, Toivonen, Verkamo 1997). Its frequency is
 * the largest number of non-overlapped occurrences, which one finite-state automaton an episode counts in one pass
 * (Laxman, Sastry, Unnikrishnan, KDD 2007: algorithm 1). That count is anti-monotone, so episodes grow level by level.
 */

export interface WeightedSequence {
  readonly symbols: readonly number[];
  readonly weight: number;
}

export interface Episode {
  readonly symbols: readonly number[];
  /** Non-overlapped occurrences, summed over the sequences by weight. */
  readonly support: number;
}

export interface EpisodeOptions {
  /** Least support, occurrences. */
  readonly minimumSupport: number;
  /** Longest episode; the paper's signatures are short, and cost grows with each level. */
  readonly maximumLength: number;
  /** Most episodes that one level may hold: the most frequent are kept. Bounds cost on pathological input. */
  readonly maximumPerLevel: number;
}

/** Non-overlapped occurrences of a serial episode in one sequence. */
export function countNonOverlapped(episode: readonly number[], sequence: readonly number[]): number {
  if (episode.length === 0) return 0;
  let state = 0;
  let count = 0;
  for (const symbol of sequence) {
    if (symbol !== episode[state]) continue;
    state++;
    if (state === episode.length) {
      count++;
      state = 0;
    }
  }
  return count;
}

/**
 * @returns closed frequent episodes, most frequent first, ties by length (longer first) and then by symbols.
 */
export function frequentEpisodes(sequences: readonly WeightedSequence[], options: EpisodeOptions): Episode[] {
  const support = (symbols: readonly number[]) => {
    let sum = 0;
    for (const sequence of sequences) sum += sequence.weight * countNonOverlapped(symbols, sequence.symbols);
    return sum;
  };
  const alphabet = [...new Set(sequences.flatMap((sequence) => sequence.symbols))].sort((a, b) => a - b);
  let level: Episode[] = alphabet
    .map((symbol) => ({ symbols: [symbol], support: support([symbol]) }))
    .filter((episode) => episode.support >= options.minimumSupport);
  level = strongest(level, options.maximumPerLevel);
  const singles = level.map((episode) => episode.symbols[0] as number);
  const closed: Episode[] = [];
  while (level.length > 0) {
    const next: Episode[] = [];
    const length = (level[0] as Episode).symbols.length;
    if (length < options.maximumLength) {
      const known = new Set(level.map((episode) => episode.symbols.join(',')));
      for (const episode of level) {
        for (const symbol of singles) {
          const symbols = [...episode.symbols, symbol];
          // Anti-monotone: the suffix must be frequent too.
          if (length > 1 && !known.has(symbols.slice(1).join(','))) continue;
          const count = support(symbols);
          if (count >= options.minimumSupport) next.push({ symbols, support: count });
        }
      }
    }
    for (const episode of level) {
      if (
        !next.some(
          (longer) => longer.support === episode.support && isSubsequence(episode.symbols, longer.symbols),
        )
      ) {
        closed.push(episode);
      }
    }
    level = strongest(next, options.maximumPerLevel);
  }
  return closed.sort(byStrength);
}

export function isSubsequence(short: readonly number[], long: readonly number[]): boolean {
  let at = 0;
  for (const symbol of long) if (symbol === short[at]) at++;
  return at === short.length;
}

function strongest(level: Episode[], most: number): Episode[] {
  return level.sort(byStrength).slice(0, most);
}

function byStrength(a: Episode, b: Episode): number {
  if (a.support !== b.support) return b.support - a.support;
  if (a.symbols.length !== b.symbols.length) return b.symbols.length - a.symbols.length;
  for (let i = 0; i < a.symbols.length; i++) {
    const difference = (a.symbols[i] as number) - (b.symbols[i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

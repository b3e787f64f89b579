import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  countNonOverlapped,
  type Episode,
  frequentEpisodes,
  isSubsequence,
  type WeightedSequence,
} from '../../signatures/episodes.ts';

/** Most occurrences that do not overlap, by trying every choice of positions (Laxman et al. 2007, section 2). */
function mostOccurrences(episode: readonly number[], sequence: readonly number[], from = 0): number {
  let most = 0;
  const choose = (place: number, position: number): void => {
    if (place === episode.length) {
      most = Math.max(most, 1 + mostOccurrences(episode, sequence, position));
      return;
    }
    for (let at = position; at < sequence.length; at++) {
      if (sequence[at] === episode[place]) choose(place + 1, at + 1);
    }
  };
  choose(0, from);
  return most;
}

/** Every tuple of symbols up to a length. */
function tuples(alphabet: readonly number[], longest: number): number[][] {
  const all: number[][] = [];
  let level: number[][] = [[]];
  for (let length = 1; length <= longest; length++) {
    level = level.flatMap((tuple) => alphabet.map((symbol) => [...tuple, symbol]));
    all.push(...level);
  }
  return all;
}

/** Frequent closed episodes by their definitions. */
function closedByDefinition(
  sequences: readonly WeightedSequence[],
  minimumSupport: number,
  maximumLength: number,
): Episode[] {
  const alphabet = [...new Set(sequences.flatMap(({ symbols }) => symbols))];
  const frequent = tuples(alphabet, maximumLength)
    .map((symbols) => ({
      symbols,
      support: sequences.reduce((sum, s) => sum + s.weight * mostOccurrences(symbols, s.symbols), 0),
    }))
    .filter(({ support }) => support >= minimumSupport);
  const contains = (long: readonly number[], short: readonly number[]) =>
    mostOccurrences(short, long) > 0 && long.length > short.length;
  return frequent.filter(
    (episode) =>
      !frequent.some(
        (other) => other.support === episode.support && contains(other.symbols, episode.symbols),
      ),
  );
}

const symbol = fc.integer({ min: 0, max: 2 });
const sequence = fc.array(symbol, { maxLength: 9 });
const key = ({ symbols, support }: Episode) => `${symbols.join(' ')}: ${support}`;

describe('countNonOverlapped', () => {
  it('finds the largest number of occurrences that do not overlap', () => {
    fc.assert(
      fc.property(fc.array(symbol, { minLength: 1, maxLength: 4 }), sequence, (episode, calls) => {
        expect(countNonOverlapped(episode, calls)).toBe(mostOccurrences(episode, calls));
      }),
    );
  });

  it('counts an episode at least as often as any longer one that holds it', () => {
    fc.assert(
      fc.property(fc.array(symbol, { minLength: 2, maxLength: 5 }), fc.nat(), sequence, (long, at, calls) => {
        const short = long.toSpliced(at % long.length, 1);
        expect(countNonOverlapped(short, calls)).toBeGreaterThanOrEqual(countNonOverlapped(long, calls));
      }),
    );
  });

  it('finds the empty episode nowhere', () => {
    expect(countNonOverlapped([], [1, 2])).toBe(0);
  });
});

describe('isSubsequence', () => {
  it('holds where leaving out symbols of the long one gives the short one', () => {
    fc.assert(
      fc.property(sequence, fc.array(fc.boolean(), { minLength: 9, maxLength: 9 }), (long, keep) => {
        expect(
          isSubsequence(
            long.filter((_, i) => keep[i]),
            long,
          ),
        ).toBe(true);
      }),
    );
    expect(isSubsequence([1, 1], [1, 2])).toBe(false);
    expect(isSubsequence([2, 1], [1, 2])).toBe(false);
  });
});

describe('frequentEpisodes', () => {
  const everything = { maximumPerLevel: Number.POSITIVE_INFINITY };

  it('gives exactly the frequent closed episodes of the definition', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ symbols: sequence, weight: fc.integer({ min: 1, max: 3 }) }), { maxLength: 4 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 4 }),
        (sequences, minimumSupport, maximumLength) => {
          const found = frequentEpisodes(sequences, { ...everything, minimumSupport, maximumLength });
          const expected = closedByDefinition(sequences, minimumSupport, maximumLength);
          expect(found.map(key).sort()).toEqual(expected.map(key).sort());
        },
      ),
      { numRuns: 60 },
    );
  });

  it('counts a sequence of weight n like n copies of it', () => {
    const options = { ...everything, minimumSupport: 2, maximumLength: 3 };
    fc.assert(
      fc.property(fc.array(sequence, { maxLength: 3 }), (calls) => {
        const weighted = calls.map((symbols) => ({ symbols, weight: 2 }));
        const copied = calls.flatMap((symbols) => [
          { symbols, weight: 1 },
          { symbols, weight: 1 },
        ]);
        expect(frequentEpisodes(weighted, options)).toEqual(frequentEpisodes(copied, options));
      }),
    );
  });

  it('orders episodes by support, then longer first, then by symbols, whatever the order of the sequences', () => {
    const options = { ...everything, minimumSupport: 1, maximumLength: 3 };
    fc.assert(
      fc.property(fc.array(sequence, { maxLength: 4 }), (calls) => {
        const sequences = calls.map((symbols) => ({ symbols, weight: 1 }));
        const found = frequentEpisodes(sequences, options);
        const inOrder = found.toSorted(
          (a, b) =>
            b.support - a.support ||
            b.symbols.length - a.symbols.length ||
            // Symbols here are single digits: text order is number order.
            (a.symbols.join('') < b.symbols.join('') ? -1 : 1),
        );
        expect(found).toEqual(inOrder);
        expect(frequentEpisodes(sequences.toReversed(), options)).toEqual(found);
      }),
    );
  });

  it('keeps the most frequent of a level where a level may hold no more', () => {
    const sequences = [{ symbols: [5, 5, 5, 7, 7, 9], weight: 1 }];
    const found = frequentEpisodes(sequences, { minimumSupport: 1, maximumLength: 1, maximumPerLevel: 2 });
    expect(found.map(({ symbols }) => symbols)).toEqual([[5], [7]]);
  });

  it('gives nothing for no sequences and for empty ones', () => {
    const options = { ...everything, minimumSupport: 1, maximumLength: 4 };
    expect(frequentEpisodes([], options)).toEqual([]);
    expect(frequentEpisodes([{ symbols: [], weight: 9 }], options)).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { countNonOverlapped, isSubsequence } from '../../signatures/episodes.ts';
import {
  MAXIMUM_EPISODES,
  MAXIMUM_LENGTH,
  MAXIMUM_MINED_SYMBOLS,
  MINIMUM_SUPPORT,
  MINIMUM_SUPPORT_SHARE,
  mineFunction,
  stability,
} from '../../signatures/function-signature.ts';
import type { Invocations } from '../../signatures/invocations.ts';
import { randomNumbers } from '../inference/sample-service.ts';

const keyOf = (symbols: readonly number[]) => String.fromCharCode(...symbols);

/** One profile's invocations: each sequence with how often it was seen. */
function run(...sequences: readonly (readonly [symbols: readonly number[], weight: number])[]): Invocations {
  return {
    sequences: new Map(sequences.map(([symbols, weight]) => [keyOf(symbols), weight])),
    count: sequences.reduce((sum, [, weight]) => sum + weight, 0),
    single: 0,
    calls: 0,
  };
}

const times = (count: number, symbol: number) => Array<number>(count).fill(symbol);
const episodesOf = (...runs: readonly Invocations[]) =>
  mineFunction(runs).map(({ symbols }) => symbols.join(' '));

describe('mineFunction', () => {
  it('sums what the profiles show of one sequence', () => {
    expect(mineFunction([run([[1, 2], 3]), run([[1, 2], 4])])).toEqual([{ symbols: [1, 2], support: 7 }]);
  });

  it('keeps an episode that occurs in a tenth of the invocations, and none in fewer', () => {
    expect(MINIMUM_SUPPORT_SHARE).toBe(0.1);
    expect(episodesOf(run([[1], 90], [[2], 10]))).toEqual(['1', '2']);
    expect(episodesOf(run([[1], 91], [[2], 9]))).toEqual(['1']);
  });

  it('keeps no episode that occurs less than twice, and mines no function seen once only', () => {
    expect(MINIMUM_SUPPORT).toBe(2);
    expect(episodesOf(run([[1], 2], [[2], 1]))).toEqual(['1']);
    expect(episodesOf(run([[1, 1, 1], 1]))).toEqual([]);
    expect(episodesOf(run([[1, 1, 1], 2]))).toEqual(['1', '1 1 1']);
    expect(episodesOf()).toEqual([]);
  });

  it('looks for no episode longer than its limit', () => {
    const longest = (calls: number) =>
      Math.max(...mineFunction([run([times(calls, 7), 2])]).map(({ symbols }) => symbols.length));
    expect([longest(MAXIMUM_LENGTH), longest(MAXIMUM_LENGTH + 1)]).toEqual([MAXIMUM_LENGTH, MAXIMUM_LENGTH]);
  });

  it('keeps the most frequent episodes of a function that shows more than it may have', () => {
    const random = randomNumbers(7);
    const sequences = Array.from({ length: 30 }, (): [number[], number] => [
      Array.from({ length: 30 }, () => Math.floor(4 * random())),
      1,
    ]);
    const found = mineFunction([run(...sequences)]);
    expect(found).toHaveLength(MAXIMUM_EPISODES);
    const weakest = found.at(-1)?.support as number;
    for (const first of [0, 1, 2, 3]) {
      for (const second of [0, 1, 2, 3]) {
        const support = sequences.reduce(
          (sum, [symbols]) => sum + countNonOverlapped([first, second], symbols),
          0,
        );
        const kept = found.some(({ symbols }) => isSubsequence([first, second], symbols));
        if (support > weakest) expect(kept).toBe(true);
      }
    }
  });

  describe('where a function shows more symbols than are mined', () => {
    const filling = (symbols: number) =>
      Array.from({ length: Math.ceil(symbols / 512) }, (_, i): [number[], number] => [
        [...times(Math.min(512, symbols - i * 512) - 1, 1), 100 + i],
        3,
      ]);

    it('takes the rarest sequence while it fits, and leaves it out one symbol later', () => {
      const rare: [number[], number] = [[2, 2, 2], 2];
      expect(episodesOf(run(...filling(MAXIMUM_MINED_SYMBOLS - 3), rare))).toContain('2');
      expect(episodesOf(run(...filling(MAXIMUM_MINED_SYMBOLS - 2), rare))).not.toContain('2');
    });

    it('still takes a shorter one that fits', () => {
      const rare: [number[], number][] = [
        [[2, 2, 2, 2], 2],
        [[4, 4, 4], 1],
      ];
      const found = episodesOf(run(...filling(MAXIMUM_MINED_SYMBOLS - 3), ...rare));
      expect([found.includes('2'), found.includes('4')]).toEqual([false, true]);
    });

    it('prefers the more frequent, then the shorter, then the one with the lower symbols', () => {
      const first = (a: [number[], number], b: [number[], number]) => {
        const room = Math.max(a[0].length, b[0].length);
        const kept = (order: [number[], number][]) =>
          episodesOf(run(...filling(MAXIMUM_MINED_SYMBOLS - room), ...order)).filter((symbols) =>
            /^[24]$/.test(symbols),
          );
        expect(kept([a, b])).toEqual(kept([b, a]));
        return kept([a, b]);
      };
      expect(first([[4, 4, 4, 4], 2], [[2, 2, 2, 2], 1])).toEqual(['4']);
      expect(first([[4, 4, 4], 2], [[2, 2, 2, 2], 2])).toEqual(['4']);
      expect(first([[4, 4, 4], 2], [[2, 2, 2], 2])).toEqual(['2']);
    });

    it('takes one sequence, however long', () => {
      expect(episodesOf(run([times(MAXIMUM_MINED_SYMBOLS + 1, 7), 2]))).toContain('7');
    });
  });
});

describe('stability', () => {
  const habit: readonly [number[], number] = [[1, 2, 3, 4], 10];

  it('is unknown from one profile', () => {
    expect(stability([run(habit)])).toBeNull();
    expect(stability([])).toBeNull();
  });

  it('is 1 where each profile shows what the others taught, and 0 where none does', () => {
    expect(stability([run(habit), run(habit)])).toBe(1);
    expect(stability([run(habit), run([[5, 6], 10])])).toBe(0);
  });

  it('is the mean over the profiles of the share of invocations that match', () => {
    // Left out, the first matches in 10 of 40 invocations; the second in 10 of 10.
    expect(stability([run(habit, [[9], 30]), run(habit)])).toBe(0.625);
    // The third matches what the first two taught in none of its calls, and changes nothing that they taught.
    expect(stability([run(habit), run(habit), run([[9], 10])])).toBe(0.666667);
  });

  it('matches a profile by what the others alone taught', () => {
    expect(stability([run([[5, 6], 10]), run([[7, 8], 10]), run([[5, 6], 10])])).toBe(0.666667);
  });

  it('asks only for episodes at least half as long as the longest', () => {
    const taught = run(habit, [[1, 2], 10], [[1], 10]);
    const half = stability([taught, run([[1, 2], 10])]);
    const less = stability([taught, run([[1], 10])]);
    // What the second teaches matches the first in 20 of 30 invocations, or in all.
    expect([half, less]).toEqual([0.833333, 0.5]);
  });

  it('counts a profile whose invocations were all too long to keep as one that matches nothing', () => {
    expect(stability([run(habit), run(habit), run()])).toBe(0.666667);
  });

  it('counts an invocation in which only a part of each episode occurs as none', () => {
    expect(stability([run(habit), run([[1, 2, 3], 5], [[4, 3, 2, 1], 5], [[1, 9, 2, 3, 4], 10])])).toBe(0.75);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FIRST_ROUNDS, foldLoops, MAX_PERIOD } from '../../calls/loops.ts';

/** Sequences with loops in them: literal runs, repeated bodies, and repeated repetitions. */
const body = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 5 });
const repeated = (of: fc.Arbitrary<number[]>, most: number) =>
  fc
    .tuple(of, fc.integer({ min: 1, max: most }))
    .map(([round, times]) => Array.from({ length: times }, () => round).flat());
const sequence = fc
  .array(fc.oneof(body, repeated(body, 40), repeated(repeated(body, 12), 12)), { maxLength: 5 })
  .map((parts) => Uint16Array.from(parts.flat()));

function loop(round: readonly number[], times: number): number[] {
  return Array.from({ length: times }, () => round).flat();
}

describe('foldLoops', () => {
  it('keeps positions in ascending order, and each kept position stands for itself', () => {
    fc.assert(
      fc.property(sequence, (symbols) => {
        const { kept, representative } = foldLoops(symbols);
        for (let i = 0; i < kept.length; i++) {
          if (i > 0) expect(kept[i]).toBeGreaterThan(kept[i - 1] as number);
          expect(representative[kept[i] as number]).toBe(i);
        }
      }),
    );
  });

  it('lets a call be represented only by a kept call of the same symbol', () => {
    fc.assert(
      fc.property(sequence, (symbols) => {
        const { kept, representative } = foldLoops(symbols);
        expect(representative.length).toBe(symbols.length);
        for (let i = 0; i < symbols.length; i++) {
          expect(symbols[kept[representative[i] as number] as number]).toBe(symbols[i]);
        }
      }),
    );
  });

  it('leaves a sequence without a loop as it is', () => {
    const rising = Uint16Array.from({ length: 500 }, (_, i) => i);
    const { kept, representative, round } = foldLoops(rising);
    expect([...kept]).toEqual([...rising]);
    expect([...representative]).toEqual([...rising]);
    expect(round.every((value) => value === 0)).toBe(true);
  });

  it('takes a body for a loop from five rounds on', () => {
    const short = foldLoops(Uint16Array.from([9, ...loop([1, 2, 3], FIRST_ROUNDS), 8]));
    expect(short.kept.length).toBe(2 + 3 * FIRST_ROUNDS);
    expect(short.round.every((value) => value === 0)).toBe(true);
    const long = foldLoops(Uint16Array.from([9, ...loop([1, 2, 3], FIRST_ROUNDS + 1), 8]));
    expect([long.round[0], long.round[1], long.round.at(-1)]).toEqual([0, 1, 0]);
  });

  it('folds a million rounds to two and a cut last round to a kept one', () => {
    const symbols = Uint16Array.from([...loop([1, 2, 3], 300_000), 1, 2]);
    const { kept, representative } = foldLoops(symbols);
    expect([...kept]).toEqual([0, 1, 2, 3, 4, 5]);
    expect(representative.at(-1)).toBeLessThan(kept.length);
  });

  it('folds a loop of loops too', () => {
    const symbols = Uint16Array.from(loop([...loop([1, 2], 30), 3], 200));
    const inner = foldLoops(Uint16Array.from([...loop([1, 2], 30), 3])).kept.length;
    expect(foldLoops(symbols).kept.length).toBeLessThan(inner * 40);
  });

  it('tells how often the body has run before as a power of two', () => {
    const { round } = foldLoops(Uint16Array.from(loop([7], 9)));
    expect([...round]).toEqual([1, 2, 2, 3, 3, 3, 3, 4, 4]);
  });

  it('looks for no body longer than its limit', () => {
    const at = Array.from({ length: MAX_PERIOD }, (_, i) => i);
    expect(foldLoops(Uint16Array.from(loop(at, 50))).kept.length).toBeLessThan(MAX_PERIOD * 20);
    const over = Array.from({ length: MAX_PERIOD + 1 }, (_, i) => i);
    expect(foldLoops(Uint16Array.from(loop(over, 50))).kept.length).toBe((MAX_PERIOD + 1) * 50);
  });

  it('gives nothing for nothing', () => {
    expect(foldLoops(new Uint16Array(0)).kept.length).toBe(0);
  });
});

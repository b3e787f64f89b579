import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pairKey, pairOf } from '../../calls/pair-key.ts';

describe('pairKey', () => {
  it('gives both numbers back, up to 24 bits each', () => {
    const number = fc.nat(2 ** 24 - 1);
    fc.assert(
      fc.property(number, number, (first, second) => {
        expect(pairOf(pairKey(first, second))).toEqual([first, second]);
      }),
    );
    const most = 2 ** 24 - 1;
    expect(pairOf(pairKey(most, most))).toEqual([most, most]);
  });

  it('orders pairs by the first number and then by the second', () => {
    const pairs = [pairKey(0, 1), pairKey(0, 2), pairKey(1, 0), pairKey(2, 0), pairKey(2, 9)];
    expect(pairs.toSorted((a, b) => a - b)).toEqual(pairs);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { callsOf } from '../../calls/calls.ts';
import { callRates, loadFactor, risingSplit } from '../../inference/call-rates.ts';
import { scriptedTrace } from '../trace/scripted-trace.ts';

describe('callRates', () => {
  it('counts each symbol bin by bin, and gives the rate of any bins', () => {
    const call = fc.record({ call: fc.constantFrom('read', 'write', 'close'), at: fc.nat(20e9) });
    fc.assert(
      fc.property(
        fc.array(call, { minLength: 1, maxLength: 60 }),
        fc.nat(7),
        fc.nat(8),
        (made, from, more) => {
          const calls = callsOf(scriptedTrace(made, { endNs: 20e9 + 1_000 }));
          const rates = callRates(calls);
          const to = Math.min(rates.bins, from + more);
          for (const [symbol, name] of calls.column.symbols.entries()) {
            const own = made.filter((it) => it.call === name);
            const inBin = (bin: number) =>
              own.filter(({ at }) => Math.min(rates.bins - 1, Math.floor(at / rates.binNs)) === bin).length;
            expect([...rates.binsOf(symbol)]).toEqual(
              Array.from({ length: rates.bins }, (_, bin) => inBin(bin)),
            );
            const counted = Array.from({ length: to - from }, (_, i) => inBin(from + i)).reduce(
              (a, b) => a + b,
              0,
            );
            const seconds = ((to - from) * rates.binNs) / 1e9;
            expect(rates.rate(symbol, from, to)).toBeCloseTo(to > from ? counted / seconds : 0, 9);
          }
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('loadFactor', () => {
  const usual = [10, 20, 5, 40, 2, 0.1];
  const factor = (now: readonly number[]) =>
    loadFactor(
      (symbol) => now[symbol] as number,
      (symbol) => usual[symbol] as number,
      usual.length,
    );

  it('is how much more often most symbols are called', () => {
    expect(factor(usual.map((rate) => rate * 3))).toBeCloseTo(3, 9);
  });

  it('is 1 where a loop raises a few symbols, or where less is done than usual', () => {
    expect(factor([9_000, 18_000, 5, 40, 2, 0.1])).toBe(1);
    expect(factor(usual.map((rate) => rate / 5))).toBe(1);
  });

  it('takes no symbol into account that is too rare to tell, and says 1 of too few', () => {
    expect(factor([10, 20, 5, 40, 2, 900])).toBe(1);
    expect(
      loadFactor(
        () => 90,
        () => 1,
        3,
      ),
    ).toBe(1);
    expect(
      loadFactor(
        () => 90,
        () => 1,
        4,
      ),
    ).toBe(90);
  });
});

describe('risingSplit', () => {
  it('is where the rate rises most, and null where it never does', () => {
    expect(risingSplit(Float64Array.of(1, 1, 1, 9, 9, 9))).toBe(3);
    expect(risingSplit(Float64Array.of(9, 9, 9, 1, 1, 1))).toBeNull();
    expect(risingSplit(new Float64Array(6))).toBeNull();
  });

  it('leaves as many bins after it as are asked for', () => {
    expect(risingSplit(Float64Array.of(1, 1, 1, 1, 1, 9), 3)).toBeLessThanOrEqual(3);
  });
});

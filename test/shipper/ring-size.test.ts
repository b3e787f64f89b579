import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEPTH_SECONDS, ringSize } from '../../shipper/ring-size.ts';

const GIB = 1024 ** 3;

describe('the size of the ring', () => {
  it('holds five minutes of the measured rate on the busiest CPU', () => {
    const size = ringSize([1_000_000, 200_000], DEPTH_SECONDS, GIB);
    expect(size.capped).toBe(false);
    expect(size.depthSeconds).toBeGreaterThanOrEqual(DEPTH_SECONDS);
  });

  it('stays within its memory cap, and says how far back it then reaches', () => {
    const size = ringSize([20_000_000, 20_000_000], DEPTH_SECONDS, GIB / 2);
    expect(size.capped).toBe(true);
    expect(size.kilobytes.reduce((a, b) => a + b)).toBeLessThanOrEqual(GIB / 2 / 1024);
    expect(size.depthSeconds).toBeCloseTo(GIB / 2 / 40_000_000, 0);
  });

  it('exceeds the cap by no more than the least that each CPU needs, and starves none, whatever the rates', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 100_000_000 }), { minLength: 1, maxLength: 128 }),
        fc.integer({ min: 64 * 1024 * 1024, max: GIB }),
        (rates, cap) => {
          const { kilobytes } = ringSize(rates, DEPTH_SECONDS, cap);
          expect(Math.min(...kilobytes)).toBeGreaterThanOrEqual(64);
          expect(kilobytes.reduce((a, b) => a + b)).toBeLessThanOrEqual(cap / 1024 + 64 * rates.length);
        },
      ),
    );
  });
});

import { describe, expect, it } from 'vitest';
import { type Look, quotaAgainstFlood } from '../../corpus/flood-guard.ts';

const BYTES_PER_CALL = 220;
const LUMP = 2_000_000;
const LIMIT = 4000;

/** Looks a quarter of a second apart at a server that makes so many calls a second with so much CPU. */
function looks(count: number, callsPerSecond: number, cpuShare: number): Look[] {
  return Array.from({ length: count }, (_, i) => ({
    at: i / 4,
    bytes: (i / 4) * callsPerSecond * BYTES_PER_CALL,
    cpuSeconds: (i / 4) * cpuShare,
  }));
}
const quota = (list: Look[]) => quotaAgainstFlood(list, LIMIT, BYTES_PER_CALL, LUMP);

describe('quotaAgainstFlood', () => {
  it('leaves a calm server alone, also when the recorder writes a lump at once', () => {
    expect(quota(looks(9, 1000, 0.02))).toBeNull();
    const lumpy = looks(9, 1000, 0.02).map((look, i) => ({ ...look, bytes: i < 8 ? 0 : LUMP }));
    expect(quota(lumpy)).toBeNull();
    expect(quota(looks(1, 1e6, 1))).toBeNull();
  });

  it('stops a great flood at the first look after it began', () => {
    const share = quota(looks(2, 500_000, 0.5));
    expect(share).not.toBeNull();
    expect(share as number).toBeLessThan(0.02);
  });

  it('finds a lesser flood over two seconds', () => {
    expect(quota(looks(3, 20_000, 0.3))).toBeNull();
    const share = quota(looks(9, 20_000, 0.3)) as number;
    expect(share).toBeGreaterThan(0.05);
    expect(share).toBeLessThan(0.15);
  });

  it('never asks for less than the kernel gives', () => {
    expect(quota(looks(2, 5e6, 0.5))).toBe(0.01);
  });
});

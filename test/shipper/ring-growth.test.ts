import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { growth, type RingSample } from '../../shipper/ring-depth.ts';
import { DEPTH_SECONDS, firstKilobytes, grownRing, ringSize } from '../../shipper/ring-size.ts';

const MIB = 1024 * 1024;
const EVENT_BYTES = 48;

/** A CPU's ring: events recorded so far, of which some were overwritten and some taken out by `ship`. */
const ring = (cpu: number, kilobytes: number, events: { now: number; overrun: number; read: number }) => ({
  cpu,
  kilobytes,
  stats: {
    entries: events.now,
    overrun: events.overrun,
    commitOverrun: 0,
    bytes: events.now * EVENT_BYTES,
    oldestEventSeconds: events.now === 0 ? null : 1,
    droppedEvents: 0,
    readEvents: events.read,
  },
});
const at = (atSeconds: number, ...rings: RingSample['rings']): RingSample => ({ atSeconds, rings });

describe('a ring under watch', () => {
  it('grows when its events were overwritten too soon', () => {
    const before = at(0, ring(0, 8_192, { now: 170_000, overrun: 0, read: 0 }));
    const after = at(30, ring(0, 8_192, { now: 170_000, overrun: 600_000, read: 0 }));
    const size = growth(before, after, DEPTH_SECONDS, 512 * MIB)!;
    expect(size.kilobytes[0]).toBeGreaterThan(8_192);
    expect(size.depthSeconds).toBeGreaterThanOrEqual(DEPTH_SECONDS);
  });

  it('stays as it is after a shipment has emptied it and the load has stopped', () => {
    const before = at(
      0,
      ring(0, 7_813, { now: 160_000, overrun: 600_000, read: 0 }),
      ring(1, 8_574, { now: 170_000, overrun: 500_000, read: 0 }),
    );
    const after = at(
      30,
      ring(0, 7_813, { now: 20, overrun: 600_000, read: 160_000 }),
      ring(1, 8_574, { now: 15, overrun: 500_000, read: 170_000 }),
    );
    expect(growth(before, after, DEPTH_SECONDS, 16 * MIB)).toBeNull();
  });

  it('stays as it is where it holds the depth although it wraps around', () => {
    const before = at(0, ring(0, 65_536, { now: 1_000_000, overrun: 10_000, read: 0 }));
    const after = at(30, ring(0, 65_536, { now: 1_000_000, overrun: 60_000, read: 0 }));
    expect(growth(before, after, DEPTH_SECONDS, 512 * MIB)).toBeNull();
  });

  it('grows for the one CPU that needs it, however large the others are', () => {
    const others = Array.from({ length: 63 }, () => 8_192);
    const size = grownRing([8_192, ...others], [200_000, ...others.map(() => 0)], DEPTH_SECONDS, 1024 * MIB);
    expect(size?.kilobytes[0]).toBeGreaterThan(60_000);
  });

  it('does not stop the recording for a gain that the cap leaves next to nothing of', () => {
    expect(grownRing([8_000, 8_000], [1_000_000, 1_000_000], DEPTH_SECONDS, 17 * MIB)).toBeNull();
  });

  it('never makes a CPU’s part smaller, and never takes more than the cap or what it had', () => {
    const cpus = fc.array(
      fc.record({
        present: fc.integer({ min: 8, max: 200_000 }),
        rate: fc.integer({ min: 0, max: 50_000_000 }),
      }),
      { minLength: 1, maxLength: 64 },
    );
    fc.assert(
      fc.property(cpus, fc.integer({ min: MIB, max: 1024 * MIB }), (rings, cap) => {
        const present = rings.map((each) => each.present);
        const size = grownRing(
          present,
          rings.map(({ rate }) => rate),
          DEPTH_SECONDS,
          cap,
        );
        if (size === null) return;
        size.kilobytes.forEach((kilobytes, i) => {
          expect(kilobytes).toBeGreaterThanOrEqual(present[i]!);
        });
        const sum = (sizes: readonly number[]) => sizes.reduce((a, b) => a + b);
        expect(sum(size.kilobytes)).toBeLessThanOrEqual(Math.max(sum(present), cap / 1024));
      }),
    );
  });
});

describe('a ring that is armed', () => {
  it('keeps to its cap also while the rate is measured', () => {
    expect(firstKilobytes(192, 64 * MIB) * 192).toBeLessThanOrEqual(64 * 1024);
    expect(firstKilobytes(2, 512 * MIB)).toBe(4_096);
  });

  it('of an idle service takes a share of the cap, for the first burst', () => {
    const { kilobytes } = ringSize([0, 0], DEPTH_SECONDS, 512 * MIB);
    expect(kilobytes).toEqual([32_768, 32_768]);
  });
});

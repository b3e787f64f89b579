import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutPage } from '../../shipper/ring/cut-page.ts';
import { callPrivacy } from '../../shipper/ring/privacy.ts';
import { parseEventFormat } from '../../trace/readers/trace-dat/event-format.ts';
import { pageLayout } from '../../trace/readers/trace-dat/page-layout.ts';
import { newPageTally, pageDecoder } from '../../trace/readers/trace-dat/ring-page.ts';
import { newRing } from '../../trace/readers/trace-dat/ring-records.ts';
import { eventsOf } from '../trace/ring-events.ts';
import {
  FORMATS,
  HEADER_PAGE,
  pageOf,
  type RingEvent,
  type RingPage,
  SECRET,
} from '../trace/synthetic-ring.ts';

const layout = pageLayout(
  HEADER_PAGE,
  [...FORMATS.values()].flat().flatMap((text) => parseEventFormat(text) ?? []),
);
const privacy = callPrivacy('x86_64');
const origin = { low: 0, high: 0 };

const event: fc.Arbitrary<Omit<RingEvent, 'timeNs'>> = fc.record({
  kind: fc.constantFrom('enter', 'exit', 'switch', 'other', 'padding'),
  tid: fc.integer({ min: 1, max: 4_000_000 }),
  call: fc.constantFrom(0, 1, 9, 15, 12, 202, 257, 1_023, 40_000, 0x7f12_3456),
  value: fc.constantFrom(
    0n,
    3n,
    1_000_000n,
    -11n,
    -100n,
    0x7ffd_1234_5678n,
    0x5580_0000_0010n,
    BigInt(SECRET),
  ),
});

const page: fc.Arbitrary<RingPage> = fc.record({
  events: fc
    .array(fc.tuple(event, fc.oneof(fc.nat(5_000), fc.nat(2 ** 30))), { minLength: 1, maxLength: 40 })
    .map((list) => {
      let timeNs = 5_000_000;
      return list.map(([what, gap]) => {
        timeNs += gap;
        // A result that is a small number and the ids in a switch may leave the node: no secrets there.
        if (what.kind === 'exit' && what.value === BigInt(SECRET)) return { ...what, timeNs, value: 8n };
        return what.kind === 'switch' ? { ...what, timeNs, call: 1, value: 9n } : { ...what, timeNs };
      });
    }),
  missed: fc.constantFrom(null, -1, 12),
});

function cut(bytes: Uint8Array<ArrayBuffer>, from: number, to: number) {
  const words = new Uint32Array(bytes.slice().buffer);
  const kept = cutPage(words, 0, layout, privacy, origin, from, to);
  return { words, kept };
}

function decoded(words: Uint32Array) {
  const ring = newRing(0);
  const tally = newPageTally();
  pageDecoder(layout, origin, tally).decode(words, 0, ring);
  return { events: [...eventsOf(ring)].sort((a, b) => a.timeNs - b.timeNs || a.tid - b.tid), tally };
}

describe('a page that leaves the node', () => {
  it('holds no word that came from an argument, a result or a stale event and is not allowed', () => {
    fc.assert(
      fc.property(page, (source) => {
        const { words } = cut(pageOf(source), 0, Number.MAX_SAFE_INTEGER);
        for (const word of words) {
          expect(word).not.toBe(SECRET);
          expect(word).not.toBe(0x1234_5678);
          expect(word).not.toBe(0x7f12_3456);
        }
      }),
    );
  });

  it('keeps exactly the events of the window, with their times', () => {
    fc.assert(
      fc.property(
        page,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (source, a, b) => {
          const bytes = pageOf(source);
          const times = source.events.map(({ timeNs }) => timeNs);
          const at = (share: number) => Math.floor(times[0]! - 10 + share * (times.at(-1)! - times[0]! + 20));
          const [from, to] = [Math.min(at(a), at(b)), Math.max(at(a), at(b))];
          const before = decoded(new Uint32Array(bytes.slice().buffer)).events;
          const { words, kept } = cut(bytes, from, to);
          const expected = before.filter(({ timeNs }) => timeNs >= from && timeNs <= to);
          const after = decoded(words);
          expect(after.events.map(({ timeNs, tid }) => ({ timeNs, tid }))).toEqual(
            expected.map(({ timeNs, tid }) => ({ timeNs, tid })),
          );
          expect(kept).toBeGreaterThanOrEqual(expected.length);
          expect(after.tally.brokenPages).toBe(0);
        },
      ),
    );
  });

  it('keeps error results, counts and descriptors, and nothing else of a call', () => {
    const events: RingEvent[] = [
      { timeNs: 1, kind: 'enter', tid: 1, call: 0, value: 5n },
      { timeNs: 2, kind: 'exit', tid: 1, call: 0, value: 512n },
      { timeNs: 3, kind: 'enter', tid: 1, call: 9, value: 0x7ffd_1234_5678n },
      { timeNs: 4, kind: 'exit', tid: 1, call: 9, value: 0x7f00_0000_1000n },
      { timeNs: 5, kind: 'exit', tid: 1, call: 9, value: -12n },
      { timeNs: 6, kind: 'enter', tid: 1, call: 257, value: -100n },
      { timeNs: 7, kind: 'enter', tid: 1, call: 0, value: 0x7fff_0000n },
      { timeNs: 8, kind: 'exit', tid: 1, call: 15, value: 0x1234n },
    ];
    const { words } = cut(pageOf({ events }), 0, 100);
    expect(decoded(words).events.map(({ value }) => value)).toEqual([5, 512, 0, 1, -12, -100, -1, 1]);
  });

  it('says that events are missing before it, and how many, as long as its head is whole', () => {
    const events = [1, 2, 3, 4].map(
      (timeNs): RingEvent => ({ timeNs, kind: 'exit', tid: 1, call: 0, value: 0n }),
    );
    const losses = (from: number, to: number) =>
      decoded(cut(pageOf({ events, missed: 12 }), from, to).words).tally.losses.map((loss) => loss.events);
    expect(losses(0, 100)).toEqual([12]);
    expect(losses(0, 2)).toEqual([12]);
    expect(losses(2, 100)).toEqual([]);
  });

  it('holds no address, whatever its call number says', () => {
    const results: [call: number, given: bigint, kept: number][] = [
      // 45 is brk to a 32-bit program, recvfrom in the table; 90, 163 and 192 are mmap, mremap and mmap2.
      [45, 0x085e_9000n, 1],
      [90, 0xf7d0_0000n, 1],
      [163, 0x0040_0000n, 1],
      [192, 0x5655_6000n, 1],
      // A 32-bit program that is linked to the lowest address that the kernel maps.
      [45, 32_768n, 1],
      [45, 32_767n, 32_767],
      // Numbers of the x32 interface are those of the table and a mark.
      [0x4000_0000 + 9, 0x2000n, 1],
      [0x4000_0000 + 0, 512n, 512],
      // accept4 returns a descriptor.
      [288, 1_048_576n, 1_048_576],
      [288, 1_048_577n, 1],
    ];
    const events = results.map(
      ([call, value], i): RingEvent => ({ timeNs: i, kind: 'exit', tid: 1, call, value }),
    );
    const { words } = cut(pageOf({ events }), 0, 100);
    expect(decoded(words).events.map(({ value }) => value)).toEqual(results.map(([, , kept]) => kept));
  });
});

import { MAX_CALLS } from '../../call-columns.ts';
import { TraceError } from '../../errors.ts';
import { ByteCursor } from './byte-cursor.ts';
import { blockKind, type CpuRegion, readHeader, readRegionTable, type TraceDatHeader } from './header.ts';
import { UnknownLayout } from './page-layout.ts';
import { newPageTally, type Origin, type PageDecoder, type PageTally, pageDecoder } from './ring-page.ts';
import { newRing, type Ring } from './ring-records.ts';

/** Everything that a trace.dat file holds, before calls are put together of it. */
export interface RingContents {
  readonly header: TraceDatHeader;
  /** In the order of the file. */
  readonly rings: readonly Ring[];
  readonly tally: PageTally;
  /** Time that all times of the rings count from; null where there is no page. */
  readonly origin: Origin | null;
  /** Byte at which the input ended too early, or null. */
  readonly endedAt: number | null;
}

/** Clocks of tracefs that do not count nanoseconds (Documentation/trace/ftrace.rst, trace_clock). */
const CLOCKS_WITHOUT_TIME = new Set(['counter', 'x86-tsc', 'ppc-tb']);

/**
 * Throws UnknownLayout where it is no file that this reader knows, EndOfInput where it ends within the header, and
 * TraceError where it holds more calls, or more than twice as many events besides, than a trace may have.
 */
export async function readRings(
  chunks: AsyncIterable<Uint8Array>,
  mostCalls = MAX_CALLS,
): Promise<RingContents> {
  const cursor = new ByteCursor(chunks);
  try {
    const header = await readHeader(cursor);
    if (header.clock !== null && CLOCKS_WITHOUT_TIME.has(header.clock)) {
      throw new UnknownLayout(`its trace_clock is ${header.clock}, which does not count time`);
    }
    return await readRegions(cursor, header, mostCalls);
  } finally {
    await cursor.close();
  }
}

async function readRegions(
  cursor: ByteCursor,
  header: TraceDatHeader,
  mostCalls: number,
): Promise<RingContents> {
  // The file is read once, front to back: what lies next is taken next, whichever CPU's or buffer's it is.
  const buffers = [...header.buffers];
  const regions = header.regions.filter((region) => region.size > 0);
  const pages = pageReader(cursor, header, mostCalls);
  const rings: Ring[] = [];
  let endedAt: number | null = null;
  for (;;) {
    regions.sort((a, b) => a.offset - b.offset);
    buffers.sort((a, b) => a - b);
    const region = regions[0];
    const buffer = buffers[0];
    if (buffer !== undefined && (region === undefined || buffer <= region.offset)) {
      buffers.shift();
      if (!(await cursor.skipTo(buffer))) {
        endedAt = cursor.position;
        break;
      }
      const table = await readRegionTable(cursor, await blockKind(cursor), header.cpuCount);
      regions.push(...table.filter(({ size }) => size > 0));
      continue;
    }
    if (region === undefined) break;
    regions.shift();
    const isThere = await cursor.skipTo(region.offset);
    if (isThere) rings.push(newRing(region.cpu));
    if (!isThere || !(await pages.read(region, rings.at(-1)!))) {
      endedAt = cursor.position;
      break;
    }
  }
  return { header, rings, tally: pages.tally, origin: pages.origin(), endedAt };
}

function pageReader(cursor: ByteCursor, { layout }: TraceDatHeader, mostCalls: number) {
  const { pageBytes } = layout;
  const tally = newPageTally();
  const onePage = new Uint8Array(pageBytes);
  let origin: Origin | null = null;
  let decoder: PageDecoder | null = null;
  let calls = 0;
  let otherEvents = 0;

  function decode(bytes: Uint8Array, ring: Ring): void {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    origin ??= { low: words[0]!, high: words[1]! };
    decoder ??= pageDecoder(layout, origin, tally);
    const { enters, exits, switches } = ring;
    for (let page = 0; page < words.length; page += pageBytes / 4) decoder.decode(words, page, ring);
    calls += ring.enters - enters;
    otherEvents += ring.exits - exits + ring.switches - switches;
    if (calls > mostCalls || otherEvents > 2 * mostCalls) {
      throw new TraceError(
        `more than ${mostCalls} system calls in one trace: give a shorter window (perfscope ship --window SECONDS, trace-cmd split)`,
      );
    }
  }

  return {
    tally,
    origin: () => origin,
    /** Decodes a ring's pages; false where the input ends within them. */
    async read({ size }: CpuRegion, ring: Ring): Promise<boolean> {
      for (let left = size; left > 0; ) {
        const atHand = cursor.wholeUnits(pageBytes, left);
        if (atHand.length > 0) {
          decode(atHand, ring);
          left -= atHand.length;
          continue;
        }
        // A page that lies across two chunks; or the last one, taken as far as it goes.
        const wanted = Math.min(left, pageBytes);
        const got = await cursor.fill(onePage, wanted);
        left -= got;
        onePage.fill(0, got);
        if (got > 0) decode(onePage, ring);
        if (got < wanted) return false;
      }
      return true;
    },
  };
}

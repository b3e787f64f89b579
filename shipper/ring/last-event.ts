import type { PageLayout } from '../../trace/readers/trace-dat/page-layout.ts';
import { newPageTally, type Origin, pageDecoder } from '../../trace/readers/trace-dat/ring-page.ts';
import { END, newRing, START, TIMES } from '../../trace/readers/trace-dat/ring-records.ts';
import { type CpuPages, readPages } from './cut-window.ts';

/**
 * The time of a CPU's last event up to `untilNs`, nanoseconds from the origin; null where there is none. It lies on
 * the last page that begins before then, or, where that holds no event of a known kind, further back.
 */
export function lastEventNs(
  pages: CpuPages,
  untilNs: number,
  layout: PageLayout,
  origin: Origin,
): number | null {
  const buffer = Buffer.alloc(layout.pageBytes);
  const words = new Uint32Array(buffer.buffer, buffer.byteOffset, buffer.length / 4);
  const decoder = pageDecoder(layout, origin, newPageTally());
  for (let page = pages.timeNs.length - 1; page >= 0; page--) {
    if (pages.timeNs[page]! > untilNs) continue;
    readPages(pages, page, 1, buffer, layout.pageBytes);
    const ring = newRing(pages.cpu);
    decoder.decode(words, 0, ring);
    let last = Number.NEGATIVE_INFINITY;
    for (const chunk of ring.chunks) {
      for (let record = 0; record < chunk!.length; record++) {
        const started = chunk!.times[record * TIMES + START]!;
        const ended = chunk!.times[record * TIMES + END]!;
        if (started <= untilNs) last = Math.max(last, started);
        if (ended <= untilNs) last = Math.max(last, ended);
      }
    }
    if (last > Number.NEGATIVE_INFINITY) return last;
  }
  return null;
}

import { closeSync, openSync, readSync } from 'node:fs';
import type { PageLayout } from '../../trace/readers/trace-dat/page-layout.ts';
import { MISSED_EVENTS, type Origin, pageTime } from '../../trace/readers/trace-dat/ring-page.ts';
import { cutPage } from './cut-page.ts';
import { type DrainedFiles, drainedFiles, HEAD_BYTES, readHeads } from './drained-pages.ts';
import type { CallPrivacy } from './privacy.ts';

/** One CPU's drained pages, in time order. */
export interface CpuPages {
  readonly cpu: number;
  readonly files: readonly DrainedFiles[];
  /** File of each page (index into `files`) and its place there. */
  readonly file: Uint32Array;
  readonly place: Uint32Array;
  /** Time of each page's first event, nanoseconds from the origin. */
  readonly timeNs: Float64Array;
  /** 1 where events are missing before the page. */
  readonly missed: Uint8Array;
}

export interface CutWindow {
  readonly fromNs: number;
  readonly toNs: number;
}

/** Pages of one CPU that the cut holds: from `first` up to `end`, which is not in it. */
export interface CpuCut {
  readonly pages: CpuPages;
  readonly first: number;
  readonly end: number;
}

const HEAD_WORDS = HEAD_BYTES / 4;

/** Pages that are read, scrubbed and handed on at a time. */
const PAGES_AT_ONCE = 64;

export function indexPages(
  directories: readonly string[],
  cpu: number,
  pageBytes: number,
  origin: Origin,
): CpuPages {
  const files = drainedFiles(directories, cpu);
  const heads = files.map((file) => readHeads(file, pageBytes));
  const count = heads.reduce((sum, words) => sum + words.length / HEAD_WORDS, 0);
  const file = new Uint32Array(count);
  const place = new Uint32Array(count);
  const timeNs = new Float64Array(count);
  const missed = new Uint8Array(count);
  let row = 0;
  heads.forEach((words, index) => {
    for (let page = 0; page * HEAD_WORDS < words.length; page++, row++) {
      const at = page * HEAD_WORDS;
      file[row] = index;
      place[row] = page;
      timeNs[row] = pageTime(words, at, origin);
      missed[row] = (words[at + 2]! & MISSED_EVENTS) !== 0 ? 1 : 0;
    }
  });
  return { cpu, files, file, place, timeNs, missed };
}

/**
 * From where on this CPU has everything, or null where nothing was ever lost: the start of its pages where the ring
 * had been overwritten before them, or a later gap, as long as that leaves at least half of what there is of the
 * window. A gap after that stays in the window, marked as the kernel marked it: half a window that says what it
 * lacks is worth more than a few seconds without a gap.
 */
export function coveredFrom(pages: CpuPages, window: CutWindow): number | null {
  const { timeNs, missed } = pages;
  const middle = (Math.max(window.fromNs, timeNs[0] ?? window.toNs) + window.toNs) / 2;
  for (let i = timeNs.length - 1; i >= 0; i--) {
    if (missed[i] === 1 && (timeNs[i]! <= middle || i === 0)) return timeNs[i]!;
  }
  return null;
}

/** The pages that hold events of the window: the first and the last are looked into, the others lie between. */
export function cutCpu(
  pages: CpuPages,
  window: CutWindow,
  layout: PageLayout,
  privacy: CallPrivacy,
  origin: Origin,
): CpuCut {
  const { timeNs } = pages;
  let end = timeNs.length;
  while (end > 0 && timeNs[end - 1]! > window.toNs) end--;
  let first = end;
  while (first > 0 && timeNs[first - 1]! >= window.fromNs) first--;
  if (first > 0) first--; // the page that the window starts in
  const buffer = Buffer.alloc(layout.pageBytes);
  const words = new Uint32Array(buffer.buffer, buffer.byteOffset, buffer.length / 4);
  const isEmpty = (page: number) => {
    readPages(pages, page, 1, buffer, layout.pageBytes);
    return cutPage(words, 0, layout, privacy, origin, window.fromNs, window.toNs) === 0;
  };
  while (first < end && isEmpty(first)) first++;
  while (first < end && isEmpty(end - 1)) end--;
  return { pages, first, end };
}

/** The pages of a cut as they may leave the node, some at a time. */
export function* cutPages(
  cut: CpuCut,
  window: CutWindow,
  layout: PageLayout,
  privacy: CallPrivacy,
  origin: Origin,
): Generator<Buffer> {
  const { pageBytes } = layout;
  for (let page = cut.first; page < cut.end; ) {
    const count = Math.min(PAGES_AT_ONCE, cut.end - page);
    const buffer = Buffer.allocUnsafeSlow(count * pageBytes);
    const words = new Uint32Array(buffer.buffer, buffer.byteOffset, buffer.length / 4);
    readPages(cut.pages, page, count, buffer, pageBytes);
    for (let i = 0; i < count; i++) {
      cutPage(words, (i * pageBytes) / 4, layout, privacy, origin, window.fromNs, window.toNs);
    }
    yield buffer;
    page += count;
  }
}

/** Reads pages as they were drained. */
export function readPages(
  pages: CpuPages,
  page: number,
  count: number,
  buffer: Buffer,
  pageBytes: number,
): void {
  for (let done = 0; done < count; ) {
    const fileIndex = pages.file[page + done]!;
    let run = 1;
    while (done + run < count && pages.file[page + done + run] === fileIndex) run++;
    const fd = openSync(pages.files[fileIndex]!.pages, 'r');
    try {
      const start = done * pageBytes;
      const length = run * pageBytes;
      let got = 0;
      while (got < length) {
        const n = readSync(
          fd,
          buffer,
          start + got,
          length - got,
          pages.place[page + done]! * pageBytes + got,
        );
        if (n === 0) throw new Error(`${pages.files[fileIndex]!.pages} became shorter while it was read`);
        got += n;
      }
    } finally {
      closeSync(fd);
    }
    done += run;
  }
}

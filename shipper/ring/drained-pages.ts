import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';

/**
 * Pages that were taken out of the kernel's ring, kept on the node as an extension of it: reading a ring consumes
 * it, and the next alarm, a minute later, needs the same pages again. One directory a drain, and in it two files a
 * CPU: `cpuN.pages` holds the pages as the kernel gave them, `cpuN.heads` the first 16 bytes of each (its time and
 * length), so that a window is found without reading the pages.
 */
export interface DrainedPages {
  readonly cpu: number;
  readonly pagesFile: string;
  readonly headsFile: string;
}

/** Bytes of a page that `cpuN.heads` repeats: time stamp and commit word (struct buffer_data_page). */
export const HEAD_BYTES = 16;

/** Stands while a drain runs; one that stands before a drain begins tells of a drain that was killed. */
const DRAINING = 'draining';

export function newDrain(directory: string): { readonly path: string; readonly lastWasKilled: boolean } {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const marker = join(directory, DRAINING);
  const lastWasKilled = existsSync(marker);
  closeSync(openSync(marker, 'w', 0o600));
  const sequence = Math.max(0, ...drains(directory).map(Number)) + 1;
  const path = join(directory, String(sequence).padStart(8, '0'));
  mkdirSync(path, { mode: 0o700 });
  return { path, lastWasKilled };
}

export function endDrain(directory: string): void {
  rmSync(join(directory, DRAINING), { force: true });
}

export function drainFiles(drain: string, cpu: number): DrainedPages {
  return { cpu, pagesFile: join(drain, `cpu${cpu}.pages`), headsFile: join(drain, `cpu${cpu}.heads`) };
}

/** All drained pages of one CPU, oldest first. */
export function drainedPages(directory: string, cpu: number): DrainedPages[] {
  return drains(directory)
    .map((drain) => drainFiles(join(directory, drain), cpu))
    .filter(({ pagesFile, headsFile }) => existsSync(pagesFile) && existsSync(headsFile));
}

/** Heads of the pages that are there in full: a drain may have been killed between its two files. */
export function readHeads(files: DrainedPages, pageBytes: number): Uint32Array<ArrayBuffer> {
  const heads = openSync(files.headsFile, 'r');
  const pages = openSync(files.pagesFile, 'r');
  try {
    const count = Math.min(
      Math.floor(fstatSync(heads).size / HEAD_BYTES),
      Math.floor(fstatSync(pages).size / pageBytes),
    );
    const words = new Uint32Array((count * HEAD_BYTES) / 4);
    let filled = 0;
    while (filled < words.byteLength) {
      const got = readSync(heads, words, filled, words.byteLength - filled, filled);
      if (got === 0) break;
      filled += got;
    }
    return words;
  } finally {
    closeSync(heads);
    closeSync(pages);
  }
}

/** Bytes of all drained pages. */
export function drainedBytes(directory: string): number {
  let bytes = 0;
  for (const drain of drains(directory)) {
    for (const file of readdirSync(join(directory, drain))) {
      const fd = openSync(join(directory, drain, file), 'r');
      bytes += fstatSync(fd).size;
      closeSync(fd);
    }
  }
  return bytes;
}

/** Removes the drains whose newest page is older than `oldestNeeded` (monotonic nanoseconds). */
export function forgetDrainsBefore(directory: string, oldestNeeded: bigint, pageBytes: number): void {
  for (const drain of drains(directory)) {
    const path = join(directory, drain);
    const needed = readdirSync(path)
      .map((file) => /^cpu(\d+)\.heads$/.exec(file)?.[1])
      .filter((cpu) => cpu !== undefined)
      .some((cpu) => newestPage(drainFiles(path, Number(cpu)), pageBytes) >= oldestNeeded);
    if (!needed) rmSync(path, { recursive: true, force: true });
  }
}

function newestPage(files: DrainedPages, pageBytes: number): bigint {
  if (!existsSync(files.pagesFile)) return -1n;
  const heads = readHeads(files, pageBytes);
  const last = heads.length - HEAD_BYTES / 4;
  return last < 0 ? -1n : (BigInt(heads[last + 1]!) << 32n) + BigInt(heads[last]!);
}

function drains(directory: string): string[] {
  return existsSync(directory)
    ? readdirSync(directory)
        .filter((name) => /^\d+$/.test(name))
        .sort()
    : [];
}

import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { makeDirectory, tryToWrite, whyUnwritable } from '../unwritable.ts';
import { roomIn } from './disk-reserve.ts';

/**
 * Pages that were taken out of the kernel's ring, kept on the node as an extension of it: reading a ring consumes
 * it, and the next alarm, a minute later, needs the same pages again. One directory a drain, named by the time of
 * the drain, and in it two files a CPU: `cpuN.pages` holds the pages as the kernel gave them, `cpuN.heads` the
 * first 16 bytes of each (its time and length), so that a window is found without reading the pages.
 */
export interface DrainedFiles {
  readonly pages: string;
  readonly heads: string;
}

/** Bytes of a page that `cpuN.heads` repeats: time stamp and commit word (struct buffer_data_page). */
export const HEAD_BYTES = 16;

/** Digits of a drain's name: nanoseconds of 300 years. */
const NAME_DIGITS = 20;

/** Where a drain puts its pages; the next directory takes over where one has no room. */
export interface PageSink {
  /** How many more pages of this size may be put here; zero where no directory has room. */
  room(pageBytes: number): number;
  append(cpu: number, pages: Uint8Array, heads: Uint8Array): void;
  close(): void;
}

export function openSink(directories: readonly string[], monotonicNs: bigint): PageSink {
  const name = monotonicNs.toString().padStart(NAME_DIGITS, '0');
  const remaining = [...directories];
  let open = new Map<number, { readonly pages: number; readonly heads: number }>();
  let current: string | null = null;

  const close = () => {
    for (const { pages, heads } of open.values()) {
      closeSync(pages);
      closeSync(heads);
    }
    open = new Map();
  };
  const filesOf = (cpu: number) => {
    if (current === null) {
      current = join(remaining[0]!, name);
      makeDirectory(current);
    }
    let files = open.get(cpu);
    if (files === undefined) {
      files = {
        pages: openSync(join(current, `cpu${cpu}.pages`), 'a', 0o600),
        heads: openSync(join(current, `cpu${cpu}.heads`), 'a', 0o600),
      };
      open.set(cpu, files);
    }
    return files;
  };
  const goOn = () => {
    close();
    remaining.shift();
    current = null;
  };
  return {
    room(pageBytes) {
      for (;;) {
        const pages = Math.floor(roomIn(remaining[0]!) / pageBytes);
        if (pages > 0 || remaining.length === 1) return pages;
        goOn();
      }
    },
    append(cpu, pages, heads) {
      for (;;) {
        try {
          const files = filesOf(cpu);
          const before = { pages: fstatSync(files.pages).size, heads: fstatSync(files.heads).size };
          try {
            writeAll(files.pages, pages);
            writeAll(files.heads, heads);
          } catch (error) {
            ftruncateSync(files.heads, before.heads);
            ftruncateSync(files.pages, before.pages);
            throw error;
          }
          return;
        } catch (error) {
          if (whyUnwritable(error) === null || remaining.length === 1) throw error;
          goOn();
        }
      }
    },
    close,
  };
}

/** All drained pages of one CPU in these directories, oldest first. */
export function drainedFiles(directories: readonly string[], cpu: number): DrainedFiles[] {
  return drains(directories)
    .map(({ path }) => filesIn(path, cpu))
    .filter(({ pages, heads }) => existsSync(pages) && existsSync(heads));
}

/** Heads of the pages that are there in full: a drain may have been killed between its two files. */
export function readHeads(files: DrainedFiles, pageBytes: number): Uint32Array<ArrayBuffer> {
  const heads = openSync(files.heads, 'r');
  try {
    const count = Math.min(
      Math.floor(fstatSync(heads).size / HEAD_BYTES),
      Math.floor(statSync(files.pages).size / pageBytes),
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
  }
}

/**
 * Removes the drains that no window can need any more: those whose newest page is older than `oldestNeededNs`, and
 * the oldest ones above `mostBytes`.
 */
export function forgetDrains(
  directories: readonly string[],
  oldestNeededNs: bigint,
  mostBytes: number,
  pageBytes: number,
): void {
  let bytes = 0;
  const forgottenNs = forgottenUntil(directories);
  let newestNs = forgottenNs;
  const unneeded: string[] = [];
  drains(directories)
    .reverse()
    .forEach(({ path }, age) => {
      const files = readdirSync(path);
      bytes += files.reduce((sum, file) => sum + statSync(join(path, file)).size, 0);
      const newest = files
        .map((file) => /^cpu(\d+)\.heads$/.exec(file)?.[1])
        .filter((cpu) => cpu !== undefined)
        .map((cpu) => newestPage(filesIn(path, Number(cpu)), pageBytes));
      const isNeeded = newest.some((time) => time >= oldestNeededNs);
      if (isNeeded && (age === 0 || bytes <= mostBytes)) return;
      for (const time of newest) if (time > newestNs) newestNs = time;
      unneeded.push(path);
    });
  // Noted first: whoever finds the pages gone must know.
  if (newestNs > forgottenNs && !noteForgotten(directories, newestNs)) return;
  for (const path of unneeded) tryToWrite(() => rmSync(path, { recursive: true, force: true }));
}

/** In the directory that is least likely to be full: the last, which is memory. */
function noteForgotten(directories: readonly string[], untilNs: bigint): boolean {
  return [...directories].reverse().some((directory) =>
    tryToWrite(() => {
      makeDirectory(directory);
      writeFileSync(join(directory, FORGOTTEN), untilNs.toString(), { mode: 0o600 });
    }),
  );
}

/** Until when pages were removed (monotonic nanoseconds): what remains starts there. Zero where none were. */
export function forgottenUntil(directories: readonly string[]): bigint {
  let latest = 0n;
  for (const directory of directories) {
    try {
      const until = BigInt(readFileSync(join(directory, FORGOTTEN), 'utf8'));
      if (until > latest) latest = until;
    } catch {
      // None was noted there.
    }
  }
  return latest;
}

const FORGOTTEN = 'forgotten-until';

function newestPage(files: DrainedFiles, pageBytes: number): bigint {
  if (!existsSync(files.pages)) return -1n;
  const heads = readHeads(files, pageBytes);
  const last = heads.length - HEAD_BYTES / 4;
  return last < 0 ? -1n : (BigInt(heads[last + 1]!) << 32n) + BigInt(heads[last]!);
}

function filesIn(drain: string, cpu: number): DrainedFiles {
  return { pages: join(drain, `cpu${cpu}.pages`), heads: join(drain, `cpu${cpu}.heads`) };
}

function drains(directories: readonly string[]): { readonly name: string; readonly path: string }[] {
  return directories
    .filter((directory) => existsSync(directory))
    .flatMap((directory) =>
      readdirSync(directory)
        .filter((name) => /^\d{20}$/.test(name))
        .map((name) => ({ name, path: join(directory, name) })),
    )
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function writeAll(file: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(file, bytes, written, bytes.length - written);
}

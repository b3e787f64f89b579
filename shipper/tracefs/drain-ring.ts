import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { COMMIT_LENGTH, MISSED_EVENTS } from '../../trace/readers/trace-dat/ring-page.ts';
import { drainFiles, endDrain, HEAD_BYTES, newDrain } from '../ring/drained-pages.ts';
import { ringCpus } from './tracefs.ts';

/**
 * Takes the pages out of an instance's ring into files, oldest first, while the kernel goes on recording.
 * `trace_pipe_raw` gives one page a read and consumes it; a page that the kernel still fills is given as far as it
 * is filled (ring_buffer_read_page in kernel/trace/ring_buffer.c).
 */
export interface DrainResult {
  readonly pages: number;
  /** The disk filled up: what was not taken is still in the ring. */
  readonly stoppedBy: Error | null;
}

/** Pages that are read before they are written: what a kill at the worst moment can lose of one CPU. */
const PAGES_AT_ONCE = 64;

export function drainRing(
  instance: string,
  directory: string,
  pageBytes: number,
  untilMonotonicNs: bigint,
): DrainResult {
  const drain = newDrain(directory);
  let pages = 0;
  let stoppedBy: Error | null = null;
  for (const cpu of ringCpus(instance)) {
    const files = drainFiles(drain.path, cpu);
    const ring = openSync(
      join(instance, 'per_cpu', `cpu${cpu}`, 'trace_pipe_raw'),
      constants.O_RDONLY | constants.O_NONBLOCK,
    );
    try {
      const out = openSync(files.pagesFile, 'w', 0o600);
      const heads = openSync(files.headsFile, 'w', 0o600);
      try {
        pages += drainCpu(ring, out, heads, pageBytes, untilMonotonicNs, drain.lastWasKilled);
      } finally {
        closeSync(out);
        closeSync(heads);
      }
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      stoppedBy = error as Error;
    } finally {
      closeSync(ring);
    }
    if (stoppedBy !== null) break;
  }
  endDrain(directory);
  return { pages, stoppedBy };
}

function drainCpu(
  ring: number,
  out: number,
  heads: number,
  pageBytes: number,
  untilNs: bigint,
  pagesWereLost: boolean,
): number {
  const batch = Buffer.alloc(pageBytes * PAGES_AT_ONCE);
  const words = new Uint32Array(batch.buffer, batch.byteOffset, batch.length / 4);
  const headBatch = new Uint32Array((PAGES_AT_ONCE * HEAD_BYTES) / 4);
  const untilHigh = Number(untilNs >> 32n);
  const untilLow = Number(untilNs & 0xffff_ffffn);
  let pages = 0;
  let done = false;
  while (!done) {
    let filled = 0;
    while (filled < PAGES_AT_ONCE) {
      if (!readPage(ring, batch, filled * pageBytes, pageBytes)) {
        done = true;
        break;
      }
      const at = (filled * pageBytes) / 4;
      if (pages + filled === 0 && pagesWereLost) words[at + 2] = words[at + 2]! | MISSED_EVENTS;
      headBatch.set(words.subarray(at, at + HEAD_BYTES / 4), (filled * HEAD_BYTES) / 4);
      if ((words[at + 2]! & COMMIT_LENGTH) > 0) filled++;
      const high = words[at + 1]!;
      // A busy CPU fills the ring as fast as it is read: what is newer than the drain's start can wait.
      if (high > untilHigh || (high === untilHigh && words[at]! >= untilLow)) {
        done = true;
        break;
      }
    }
    writeAll(out, batch, filled * pageBytes);
    writeAll(heads, headBatch, filled * HEAD_BYTES);
    pages += filled;
  }
  return pages;
}

/** False where the ring has nothing more. */
function readPage(ring: number, batch: Buffer, at: number, pageBytes: number): boolean {
  try {
    return readSync(ring, batch, at, pageBytes, null) > 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false;
    throw error;
  }
}

function writeAll(file: number, bytes: Uint8Array | Uint32Array, length: number): void {
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset, length);
  let written = 0;
  while (written < length) written += writeSync(file, view, written, length - written);
}

export function isDiskFull(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

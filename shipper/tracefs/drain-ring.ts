import { closeSync, constants, existsSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { COMMIT_LENGTH, MISSED_EVENTS } from '../../trace/readers/trace-dat/ring-page.ts';
import { HEAD_BYTES, openSink, type PageSink } from '../ring/drained-pages.ts';
import { tryToWrite, whyUnwritable } from '../unwritable.ts';
import { ringCpus } from './tracefs.ts';

/**
 * Takes the pages out of an instance's ring into files, oldest first, while the kernel goes on recording.
 * `trace_pipe_raw` gives one page a read and consumes it; a page that the kernel still fills is given as far as it
 * is filled (ring_buffer_read_page in kernel/trace/ring_buffer.c).
 */
export interface Drain {
  readonly instance: string;
  readonly pageBytes: number;
  /** Where the pages go; a further one takes over where the one before has no room. */
  readonly directories: readonly string[];
  /** Stands while pages are on their way: one that is there already tells of a drain that was killed. */
  readonly marker: string;
  /** CLOCK_MONOTONIC: what is newer stays in the ring. */
  readonly untilNs: bigint;
}

/** Pages that are read before they are written: what a kill at the worst moment can lose of one CPU. */
const PAGES_AT_ONCE = 64;

/** Returns why pages are still in the ring: there was room for no more. Null where all were taken. */
export function drainRing(drain: Drain): string | null {
  const lastWasKilled = existsSync(drain.marker);
  tryToWrite(() => writeFileSync(drain.marker, '', { mode: 0o600 }));
  const sink = openSink(drain.directories, drain.untilNs);
  let left: string | null = null;
  try {
    for (const cpu of ringCpus(drain.instance)) {
      const ring = openSync(
        join(drain.instance, 'per_cpu', `cpu${cpu}`, 'trace_pipe_raw'),
        constants.O_RDONLY | constants.O_NONBLOCK,
      );
      try {
        if (!drainCpu(ring, cpu, sink, drain, lastWasKilled)) left = NO_ROOM;
      } finally {
        closeSync(ring);
      }
      if (left !== null) break;
    }
  } catch (error) {
    const why = whyUnwritable(error);
    if (why === null) throw error;
    // Pages that were read and not written are lost, as by a kill: the marker stays, and the next drain says so.
    return why;
  } finally {
    sink.close();
  }
  // A kill that not all CPUs were told of is for the next drain to tell.
  if (left === null || !lastWasKilled) tryToWrite(() => rmSync(drain.marker, { force: true }));
  return left;
}

const NO_ROOM = 'the disks have no room that may be taken';

/** False where there is no room for all pages; what was read is written. */
function drainCpu(ring: number, cpu: number, sink: PageSink, drain: Drain, pagesWereLost: boolean): boolean {
  const { pageBytes } = drain;
  const batch = new Uint8Array(pageBytes * PAGES_AT_ONCE);
  const words = new Uint32Array(batch.buffer);
  const heads = new Uint8Array(PAGES_AT_ONCE * HEAD_BYTES);
  const untilHigh = Number(drain.untilNs >> 32n);
  const untilLow = Number(drain.untilNs & 0xffff_ffffn);
  let isFirst = true;
  let isEmpty = false;
  while (!isEmpty) {
    // Asked before they are read, which takes them out of the ring.
    const room = Math.min(PAGES_AT_ONCE, sink.room(pageBytes));
    if (room === 0) return false;
    let filled = 0;
    while (filled < room && !isEmpty) {
      const start = filled * pageBytes;
      if (!readPage(ring, batch, start, pageBytes)) {
        isEmpty = true;
        break;
      }
      const at = start / 4;
      // A busy CPU fills the ring as fast as it is read: what is newer than the drain's start can wait.
      isEmpty = words[at + 1]! > untilHigh || (words[at + 1]! === untilHigh && words[at]! >= untilLow);
      if ((words[at + 2]! & COMMIT_LENGTH) === 0) continue;
      if (isFirst && pagesWereLost) words[at + 2] = words[at + 2]! | MISSED_EVENTS;
      isFirst = false;
      heads.set(batch.subarray(start, start + HEAD_BYTES), filled * HEAD_BYTES);
      filled++;
    }
    if (filled === 0) break;
    sink.append(cpu, batch.subarray(0, filled * pageBytes), heads.subarray(0, filled * HEAD_BYTES));
  }
  return true;
}

/** False where the ring has nothing more. */
function readPage(ring: number, batch: Uint8Array, at: number, pageBytes: number): boolean {
  try {
    return readSync(ring, batch, at, pageBytes, null) > 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false;
    throw error;
  }
}

import type * as records from './ring-records.ts';
import { letGo, newRing, type Ring } from './ring-records.ts';

/**
 * The rings' records in the order of time, a batch at a time: copied, so that what is done with them turns on short
 * columns that stay in the processor's cache.
 */
export interface Batch {
  /** As in a record (ring-records.ts), one column each. */
  readonly startNs: Float64Array;
  readonly endNs: Float64Array;
  readonly tid: Int32Array;
  readonly number: Int32Array;
  readonly value: Int32Array;
  readonly result: Int32Array;
  readonly cpu: Uint16Array;
}

export interface MergedRings {
  readonly batch: Batch;
  /** Puts the next records into the batch; returns how many, 0 behind the last. Chunks that are taken are let go. */
  readonly next: () => number;
}

export const BATCH = 2_048;

// V8 folds a module's own constants, and looks an imported one up at each use. The types hold them together.
const TIMES: typeof records.TIMES = 2;
const START: typeof records.START = 0;
const END: typeof records.END = 1;
const WORDS: typeof records.WORDS = 4;
const TID: typeof records.TID = 0;
const NUMBER: typeof records.NUMBER = 1;
const VALUE: typeof records.VALUE = 2;
const RESULT: typeof records.RESULT = 3;

/** Merges rings by the time of their records; ties go to the ring that stands first. */
export function mergeRings(rings: readonly Ring[]): MergedRings {
  const batch = {
    startNs: new Float64Array(BATCH),
    endNs: new Float64Array(BATCH),
    tid: new Int32Array(BATCH),
    number: new Int32Array(BATCH),
    value: new Int32Array(BATCH),
    result: new Int32Array(BATCH),
    cpu: new Uint16Array(BATCH),
  };
  /** Rings that have records left, the one with the earliest first. */
  const live: Cursor[] = [];
  for (const [place, ring] of rings.entries()) {
    const cursor = newCursor(place, ring);
    if (nextChunk(cursor)) enlist(cursor);
  }

  return {
    batch,
    next() {
      let filled = 0;
      while (live.length > 0 && filled < BATCH) {
        const first = live.shift()!;
        const second = live.shift() ?? NO_RING;
        filled = copyInOrder(batch, filled, first, second, live.length > 0 ? nextNs(live[0]!) : NEVER);
        for (const cursor of [second, first]) {
          if (cursor !== NO_RING && (cursor.at < cursor.end || nextChunk(cursor))) enlist(cursor);
        }
      }
      return filled;
    },
  };

  /** Puts a ring at its place. Busy rings lie in front, idle ones behind. */
  function enlist(cursor: Cursor): void {
    const place = live.findIndex((other) => isBefore(cursor, other));
    live.splice(place < 0 ? live.length : place, 0, cursor);
  }
}

/** How far a ring has been merged. */
interface Cursor {
  /** Among the rings. */
  readonly place: number;
  readonly ring: Ring;
  chunk: number;
  times: Float64Array;
  words: Int32Array;
  /** The next record of the chunk, and the one behind its last. */
  at: number;
  end: number;
}

function newCursor(place: number, ring: Ring): Cursor {
  return {
    place,
    ring,
    chunk: -1,
    times: new Float64Array(TIMES),
    words: new Int32Array(WORDS),
    at: 0,
    end: 0,
  };
}

const NEVER = Number.POSITIVE_INFINITY;

/** Stands where there is but one ring left: made as all others are, since code is compiled for what it has seen. */
const NO_RING = newCursor(2 ** 30, newRing(0));
NO_RING.times.fill(NEVER);

function nextChunk(cursor: Cursor): boolean {
  const { chunks } = cursor.ring;
  for (;;) {
    const taken = chunks[cursor.chunk] ?? null;
    if (taken !== null) letGo(taken);
    if (cursor.chunk >= 0) chunks[cursor.chunk] = null;
    const chunk = chunks[++cursor.chunk] ?? null;
    if (chunk === null) return false;
    cursor.times = chunk.times;
    cursor.words = chunk.words;
    cursor.at = 0;
    cursor.end = chunk.length;
    if (chunk.length > 0) return true;
  }
}

function nextNs({ times, at }: Cursor): number {
  return times[at * TIMES + START]!;
}

function isBefore(cursor: Cursor, other: Cursor): boolean {
  const [a, b] = [nextNs(cursor), nextNs(other)];
  return a < b || (a === b && cursor.place < other.place);
}

/**
 * Copies records of the two rings whose next are the earliest, until the batch is full, a chunk is taken, or a third
 * ring's next is as early. Returns how full the batch is.
 */
function copyInOrder(batch: Batch, from: number, first: Cursor, second: Cursor, thirdNs: number): number {
  const { startNs, endNs, tid, number, value, result, cpu } = batch;
  const firstIsBefore = first.place < second.place;
  const firstTimes = first.times;
  const firstWords = first.words;
  const firstCpu = first.ring.cpu;
  const firstEnd = first.end;
  const secondTimes = second.times;
  const secondWords = second.words;
  const secondCpu = second.ring.cpu;
  const secondEnd = second.end;
  let a = first.at;
  let b = second.at;
  let aNs = firstTimes[a * TIMES + START]!;
  let bNs = secondTimes[b * TIMES + START]!;
  let filled = from;
  while (filled < startNs.length) {
    const isFirst = aNs < bNs || (aNs === bNs && firstIsBefore);
    const timeNs = isFirst ? aNs : bNs;
    if (timeNs >= thirdNs && filled > from) break;
    if (isFirst) {
      copyRecord(
        startNs,
        endNs,
        tid,
        number,
        value,
        result,
        cpu,
        filled,
        firstTimes,
        firstWords,
        a,
        firstCpu,
      );
      filled++;
      a++;
      if (a === firstEnd) break;
      aNs = firstTimes[a * TIMES + START]!;
    } else {
      copyRecord(
        startNs,
        endNs,
        tid,
        number,
        value,
        result,
        cpu,
        filled,
        secondTimes,
        secondWords,
        b,
        secondCpu,
      );
      filled++;
      b++;
      if (b === secondEnd) break;
      bNs = secondTimes[b * TIMES + START]!;
    }
  }
  first.at = a;
  if (second.end > 0) second.at = b;
  return filled;
}

function copyRecord(
  startNs: Float64Array,
  endNs: Float64Array,
  tid: Int32Array,
  number: Int32Array,
  value: Int32Array,
  result: Int32Array,
  cpu: Uint16Array,
  to: number,
  times: Float64Array,
  words: Int32Array,
  record: number,
  recordCpu: number,
): void {
  startNs[to] = times[record * TIMES + START]!;
  endNs[to] = times[record * TIMES + END]!;
  tid[to] = words[record * WORDS + TID]!;
  number[to] = words[record * WORDS + NUMBER]!;
  value[to] = words[record * WORDS + VALUE]!;
  result[to] = words[record * WORDS + RESULT]!;
  cpu[to] = recordCpu;
}

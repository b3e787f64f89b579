/**
 * What the rings hold, as records in the order of time: a call, with its return where that lies on the same ring; a
 * return alone; a context switch. Most calls return on the CPU where they were entered, so that most returns are
 * found while a page is decoded, and what is merged with other rings is half as much.
 *
 * That a call and a return belong together is a guess until the merge: the thread may have returned, and entered the
 * same call again, on another CPU in between. follow-threads.ts finds out.
 *
 * Records lie in chunks, so that nothing is copied when a ring grows and nothing is reserved that the input did not
 * fill, and in two arrays a chunk, because the merge turns to another ring after every other record.
 */
export interface RecordChunk {
  /**
   * Per record START and END, nanoseconds from the origin. START never decreases within a ring; of a return alone and
   * of a switch it is their time. END is OPEN where the return has not been found, or there is none.
   */
  readonly times: Float64Array;
  /** Per record TID, NUMBER, VALUE, RESULT. */
  readonly words: Int32Array;
  /** Records. */
  length: number;
}

/** Numbers in `times` and in `words` per record, and their places. */
export const TIMES = 2;
export const START = 0;
export const END = 1;
export const WORDS = 4;
/** The thread; of a switch, the one that left the CPU. */
export const TID = 0;
/** Call number n of a call, ~n (negative) of a return alone, SWITCH of a context switch. */
export const NUMBER = 1;
/** First argument of a call (low 32 bits); of a switch, the thread that got the CPU, and RUNNABLE or GONE. */
export const VALUE = 2;
/** Result (clamped to 32 bits), or NO_RESULT where the return has not been found. */
export const RESULT = 3;

/** NUMBER of a context switch. */
export const SWITCH = -0x8000;

/** Set in VALUE of a switch whose thread could have gone on; thread ids are far smaller (PID_MAX_LIMIT). */
export const RUNNABLE = 0x4000_0000;

/** Set in VALUE of a switch whose thread has ended. */
export const GONE = 0x2000_0000;

/** Call number that stands for one that no system call can have (a tracer may make a thread enter call -1). */
export const NO_CALL_NUMBER = 0x7ffe;

/** Events that the kernel says are missing before this point of a CPU's ring. */
export interface RingLoss {
  readonly cpu: number;
  /** Null where nothing of this ring came before: what is missing lies before the window. */
  readonly timeNs: number | null;
  /** Null where the kernel only says that some are missing. */
  readonly events: number | null;
}

/** One ring: a CPU's, of one buffer. */
export interface Ring {
  readonly cpu: number;
  /** Null where the merge has taken a chunk and let it go. */
  readonly chunks: (RecordChunk | null)[];
  /** Events: calls entered, calls returned from, context switches. */
  enters: number;
  exits: number;
  switches: number;
  firstNs: number;
  lastNs: number;
}

export function newRing(cpu: number): Ring {
  return {
    cpu,
    chunks: [],
    enters: 0,
    exits: 0,
    switches: 0,
    firstNs: Number.NaN,
    lastNs: Number.NEGATIVE_INFINITY,
  };
}

const FIRST_CHUNK = 2_048;
const LARGEST_CHUNK = 65_536;

/** Large chunks that are kept for the next file, 2 MiB each. */
const MOST_KEPT = 32;

/**
 * Chunks that have been merged. Allocated anew for each file they took a tenth of the time of reading it: to have V8
 * collect garbage for memory that lies outside of its heap, and the kernel give pages to it.
 */
const kept: RecordChunk[] = [];

/** The chunk to append to, with room for at least `room` records. */
export function chunkWithRoom(ring: Ring, room: number): RecordChunk {
  const last = ring.chunks.at(-1) ?? undefined;
  const capacity = last === undefined ? 0 : capacityOf(last);
  if (last !== undefined && last.length + room <= capacity) return last;
  const size = Math.max(room, FIRST_CHUNK, Math.min(LARGEST_CHUNK, capacity * 2));
  const chunk = (size === LARGEST_CHUNK ? kept.pop() : undefined) ?? newChunk(size);
  ring.chunks.push(chunk);
  return chunk;
}

function newChunk(size: number): RecordChunk {
  return { times: new Float64Array(size * TIMES), words: new Int32Array(size * WORDS), length: 0 };
}

/** Takes back a chunk that nobody reads any more. */
export function letGo(chunk: RecordChunk): void {
  if (capacityOf(chunk) !== LARGEST_CHUNK || kept.length === MOST_KEPT) return;
  chunk.length = 0;
  kept.push(chunk);
}

function capacityOf(chunk: RecordChunk): number {
  return chunk.times.length / TIMES;
}

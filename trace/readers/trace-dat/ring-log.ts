/**
 * What one CPU's ring holds, as columns: growable by chunks, so that nothing is copied when a log grows and
 * nothing is reserved that the input did not fill. System calls and context switches share the columns, in the
 * order of time.
 */
export interface EventChunk {
  /** Nanoseconds from the log's origin; never decreases within a CPU. */
  readonly timeNs: Float64Array;
  /** The thread; of a switch, the one that left the CPU. */
  readonly tid: Int32Array;
  /** Call number n of a sys_enter, ~n (negative) of a sys_exit, SWITCH of a context switch. */
  readonly call: Int16Array;
  /**
   * First argument of a sys_enter (low 32 bits), result of a sys_exit (clamped to 32 bits), of a switch the thread
   * that got the CPU, and RUNNABLE where the one before could have gone on.
   */
  readonly value: Int32Array;
  length: number;
}

/** `call` of a context switch. */
export const SWITCH = -0x8000;

/** Set in `value` of a switch; thread ids are far smaller (PID_MAX_LIMIT). */
export const RUNNABLE = 0x4000_0000;

/** Call number that stands for one that no system call can have (a tracer may make a thread enter call -1). */
export const NO_CALL_NUMBER = 0x7ffe;

/** Events that the kernel says are missing before this point of a CPU's ring. */
export interface RingLoss {
  readonly cpu: number;
  /** Null where nothing of this CPU came before: what is missing lies before the window. */
  readonly timeNs: number | null;
  /** Null where the kernel only says that some are missing. */
  readonly events: number | null;
}

export interface CpuLog {
  readonly cpu: number;
  /** Null where the merge has taken a chunk and let it go. */
  readonly events: (EventChunk | null)[];
  enters: number;
  exits: number;
  switches: number;
  firstNs: number;
  lastNs: number;
}

const FIRST_CHUNK = 2_048;
const LARGEST_CHUNK = 65_536;

export function newCpuLog(cpu: number): CpuLog {
  return {
    cpu,
    events: [],
    enters: 0,
    exits: 0,
    switches: 0,
    firstNs: Number.NaN,
    lastNs: Number.NEGATIVE_INFINITY,
  };
}

/** The chunk to append to, with room for at least `room` events. */
export function eventChunk(log: CpuLog, room: number): EventChunk {
  const last = log.events.at(-1) ?? undefined;
  if (last !== undefined && last.length + room <= last.timeNs.length) return last;
  const grown = last === undefined ? FIRST_CHUNK : Math.min(LARGEST_CHUNK, last.timeNs.length * 2);
  const size = Math.max(room, grown);
  const chunk = {
    timeNs: new Float64Array(size),
    tid: new Int32Array(size),
    call: new Int16Array(size),
    value: new Int32Array(size),
    length: 0,
  };
  log.events.push(chunk);
  return chunk;
}

import { descriptor } from '../../call-pairing.ts';
import { RESTART_BLOCK } from '../../syscalls/call-traits.ts';
import { NO_FD, NO_RESULT, OPEN } from '../../trace.ts';
import {
  ENDS_ITS_PROCESS,
  HAS_DESCRIPTOR,
  IS_RESTART,
  NEVER_RETURNS,
  RETURNS_ADDRESS,
  UNSEEN,
} from './kind-table.ts';
import { RUNNABLE, SWITCH } from './ring-log.ts';

/**
 * The hot loop: takes the events of all CPUs in the order of time and pairs each thread's enters and exits.
 *
 * It works on typed arrays only, in tuples, and stops for whatever is rare instead of calling out: V8 throws
 * compiled code away when an object or a closure that it was compiled for dies, and each file has its own. With
 * objects, every other file was read at half the speed, for compiling this again.
 */

/** Per CPU: its current chunk's columns, the next row in it, the row behind its last, and the next row's time. */
export type Cursors = readonly [
  timeNs: Float64Array[],
  tid: Int32Array[],
  call: Int16Array[],
  value: Int32Array[],
  cpu: Int32Array,
  position: Int32Array,
  end: Int32Array,
  head: Float64Array,
  /** CPUs that still have events, in their order; `counts[LIVE]` of them. */
  live: Int32Array,
];

export type CallRows = readonly [
  enterNs: Float64Array,
  durationNs: Float64Array,
  thread: Uint32Array,
  cpu: Uint16Array,
  call: Uint16Array,
  result: Int32Array,
  fd: Int32Array,
];

export type SwitchRows = readonly [
  timeNs: Float64Array,
  cpu: Uint16Array,
  previous: Int32Array,
  next: Int32Array,
  runnable: Uint8Array,
];

/** Thread by id; and by thread the row of the call that it is in, and of one that asked to be restarted. */
export type ThreadState = readonly [threadOf: Int32Array, openRow: Int32Array, restartRow: Int32Array];

export type Kinds = readonly [kindOf: Int32Array, traits: Uint8Array];

/** Places in `counts`. */
export const LIVE = 0;
export const ROW = 1;
export const SWITCH_ROW = 2;
export const LOST_ENTERS = 3;
export const LOST_RETURNS = 4;
/** The CPU (index into the cursors) at whose next event it stopped. */
export const STOPPED_AT = 5;
/** Thread whose process has ended. */
export const ENDED = 6;
export const COUNTS = 7;

/** Places in `bounds`. */
export const START_NS = 0;
/** Time of the next loss. */
export const LOSS_NS = 1;

/** Why it stopped. */
export const CHUNK_TAKEN = 0;
export const LOSS = 1;
export const NEW_THREAD = 2;
export const NEW_KIND = 3;
export const PROCESS_ENDED = 4;

/** Above every thread id that Linux gives out (PID_MAX_LIMIT, include/linux/threads.h). */
const PID_LIMIT = 4 * 1024 * 1024;

/** A thread id of an event, whatever the event says. */
export function threadId(word: number): number {
  return word & (2 * PID_LIMIT - 1);
}

export function pairEvents(
  cursors: Cursors,
  rows: CallRows,
  switches: SwitchRows,
  threads: ThreadState,
  kinds: Kinds,
  bounds: Float64Array,
  counts: Int32Array,
): number {
  const [times, tids, numbers, values, cpus, position, end, head, live] = cursors;
  const [enterNs, durationNs, thread, cpu, call, result, fd] = rows;
  const [switchNs, switchCpu, previous, next, runnable] = switches;
  const [threadOf, openRow, restartRow] = threads;
  const [kindOf, traits] = kinds;
  const startNs = bounds[START_NS]!;
  const lossNs = bounds[LOSS_NS]!;
  const liveCount = counts[LIVE]!;
  let row = counts[ROW]!;
  let switchRow = counts[SWITCH_ROW]!;
  let reason = CHUNK_TAKEN;
  let first = 0;

  for (;;) {
    // The CPU whose next event is the earliest, and up to which time its events may be taken without asking. There
    // are few CPUs, and runs are short where threads talk to each other: looking at all beats a heap.
    first = live[0]!;
    let second = -1;
    for (let i = 1; i < liveCount; i++) {
      const other = live[i]!;
      if (head[other]! < head[first]!) {
        second = first;
        first = other;
      } else if (second < 0 || head[other]! < head[second]!) {
        second = other;
      }
    }
    const limitNs = second < 0 ? Number.POSITIVE_INFINITY : head[second]!;
    // Ties go to the lower CPU.
    const yieldsTie = second >= 0 && second < first;
    const timeNs = times[first]!;
    const tid = tids[first]!;
    const number = numbers[first]!;
    const value = values[first]!;
    const currentCpu = cpus[first]!;
    const runEnd = end[first]!;
    let i = position[first]!;
    let isStopped = false;

    for (; i < runEnd; i++) {
      const time = timeNs[i]!;
      if (time >= limitNs && (time > limitNs || yieldsTie)) break;
      if (time >= lossNs) {
        reason = LOSS;
        isStopped = true;
        break;
      }
      const n = number[i]!;
      if (n === SWITCH) {
        switchNs[switchRow] = time - startNs;
        switchCpu[switchRow] = currentCpu;
        previous[switchRow] = tid[i]!;
        next[switchRow] = value[i]! & ~RUNNABLE;
        runnable[switchRow] = (value[i]! & RUNNABLE) === 0 ? 0 : 1;
        switchRow++;
        continue;
      }
      const id = tid[i]! & (2 * PID_LIMIT - 1);
      const index = id < threadOf.length ? threadOf[id]! : UNSEEN;
      const kind = kindOf[n >= 0 ? n : ~n]!;
      if (index === UNSEEN || kind === UNSEEN) {
        reason = index === UNSEEN ? NEW_THREAD : NEW_KIND;
        isStopped = true;
        break;
      }
      const trait = traits[kind]!;
      const open = openRow[index]!;
      if (n >= 0) {
        if (open !== UNSEEN) {
          durationNs[open] = 0;
          counts[LOST_RETURNS]!++;
        }
        let named = kind;
        if (restartRow[index] !== UNSEEN) {
          if ((trait & IS_RESTART) !== 0) named = call[restartRow[index]!]!;
          restartRow[index] = UNSEEN;
        }
        enterNs[row] = time - startNs;
        durationNs[row] = OPEN;
        thread[row] = index;
        cpu[row] = currentCpu;
        call[row] = named;
        result[row] = NO_RESULT;
        fd[row] = (trait & HAS_DESCRIPTOR) !== 0 ? descriptor(value[i]!) : NO_FD;
        if ((trait & NEVER_RETURNS) === 0) {
          openRow[index] = row++;
        } else {
          durationNs[row++] = 0;
          openRow[index] = UNSEEN;
          if ((trait & ENDS_ITS_PROCESS) !== 0) {
            counts[ENDED] = id;
            reason = PROCESS_ENDED;
            isStopped = true;
            i++;
            break;
          }
        }
      } else if (open === UNSEEN) {
        counts[LOST_ENTERS]!++;
      } else {
        openRow[index] = UNSEEN;
        if (kind !== call[open]! && (trait & IS_RESTART) === 0) {
          durationNs[open] = 0;
          counts[LOST_RETURNS]!++;
          counts[LOST_ENTERS]!++;
        } else {
          const returned = value[i]!;
          durationNs[open] = time - startNs - enterNs[open]!;
          result[open] = returned > 0 && (trait & RETURNS_ADDRESS) !== 0 ? 0 : returned;
          if (returned === RESTART_BLOCK) restartRow[index] = open;
        }
      }
    }

    position[first] = i;
    if (i < runEnd) head[first] = timeNs[i]!;
    if (isStopped || i >= runEnd) break;
  }
  counts[ROW] = row;
  counts[SWITCH_ROW] = switchRow;
  counts[STOPPED_AT] = first;
  return reason;
}

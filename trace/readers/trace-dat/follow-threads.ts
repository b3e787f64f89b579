import type * as trace from '../../trace.ts';
import type { Calls, Switches } from '../../trace.ts';
import type * as kinds from './kind-table.ts';
import { BATCH, type Batch } from './merge-rings.ts';
import type * as records from './ring-records.ts';

/**
 * What most records need: a call becomes a row, with the return that was found on its ring; a return alone ends its
 * thread's open call. Whatever needs more thought is left to take-record.ts.
 *
 * These are several short loops over a batch, and not one over everything, because V8 takes the checks of arrays out
 * of short loops only. They take arrays, and not closures, because V8 throws compiled code away when an object that
 * it was compiled for dies, and each file has its own.
 */

// V8 folds a module's own constants, and looks an imported one up at each use. The types hold them together.
const SWITCH: typeof records.SWITCH = -0x8000;
const RUNNABLE: typeof records.RUNNABLE = 0x4000_0000;
const GONE: typeof records.GONE = 0x2000_0000;
const UNSEEN: typeof kinds.UNSEEN = -1;
const KIND: typeof kinds.KIND = 0xffff;
const HAS_DESCRIPTOR: typeof kinds.HAS_DESCRIPTOR = 0x1_0000;
const RETURNS_ADDRESS: typeof kinds.RETURNS_ADDRESS = 0x2_0000;
const NEVER_RETURNS: typeof kinds.NEVER_RETURNS = 0x4_0000;
const IS_RESTART: typeof kinds.IS_RESTART = 0x8_0000;
const OPEN: typeof trace.OPEN = Number.POSITIVE_INFINITY;
const NO_FD: typeof trace.NO_FD = -1;

/** What is known of the batch's records besides. */
export interface Identified {
  /** Index of the thread, and the entry of the kind table; of a switch they mean nothing. */
  readonly thread: Int32Array;
  readonly entry: Int32Array;
  /** Places in the batch of the calls that become rows next, in order. */
  readonly calls: Int32Array;
}

export function newIdentified(): Identified {
  return { thread: new Int32Array(BATCH), entry: new Int32Array(BATCH), calls: new Int32Array(BATCH) };
}

/** Above every thread id that Linux gives out (PID_MAX_LIMIT, include/linux/threads.h). */
const PID_LIMIT = 4 * 1024 * 1024;

/** A thread id of an event, whatever the event says. */
export function threadId(word: number): number {
  return word & (2 * PID_LIMIT - 1);
}

/** Finds the threads and kinds of records; stops before one whose thread or kind has not been seen, and returns it. */
export function identify(
  tid: Int32Array,
  number: Int32Array,
  threadOf: Int32Array,
  entries: Int32Array,
  thread: Int32Array,
  entry: Int32Array,
  from: number,
  to: number,
): number {
  for (let i = from; i < to; i++) {
    const id = threadId(tid[i]!);
    const n = number[i]!;
    const index = id < threadOf.length ? threadOf[id]! : UNSEEN;
    const known = entries[n >= 0 ? n : ~n & 0x7fff]!;
    if ((index === UNSEEN || known === UNSEEN) && n !== SWITCH) return i;
    thread[i] = index;
    entry[i] = known;
  }
  return to;
}

/**
 * Places in `counts`: rows written; rows of switches; calls in `Identified.calls`; returns without a call, of a
 * thread's first event and of others; calls without a return.
 */
export const [ROW, SWITCH_ROW, CALLS, BEFORE_WINDOW, LOST_ENTERS, LOST_RETURNS] = [0, 1, 2, 3, 4, 5] as const;
export const COUNTS = 6;

/** When a thread's call has returned of which no event was seen, or which is another's than the one before. */
export const NOT_BEGUN = Number.NEGATIVE_INFINITY;

/** Places in `bounds`: the window's start; when something is due that is in no ring. */
export const [START_NS, DUE_NS] = [0, 1] as const;

/**
 * Follows the threads through identified records. Fills `calls`, and ends calls in the batch and in the rows. Stops
 * before a record that is due for something else, or needs more thought, and returns it.
 *
 * `lastRow`: by thread, the row of its last call. `freeAt`: when that returns; OPEN where its return has not been
 * seen, never later than now where the thread is in no call, NOT_BEGUN before its first event.
 */
export function follow(
  batch: Batch,
  { thread, entry, calls }: Identified,
  lastRow: Int32Array,
  freeAt: Float64Array,
  rows: Calls,
  switches: Switches,
  bounds: Float64Array,
  counts: Int32Array,
  from: number,
  to: number,
): number {
  const { startNs, endNs, number, value, result } = batch;
  const dueNs = bounds[DUE_NS]!;
  const firstRow = counts[ROW]!;
  let row = firstRow;
  let i = from;
  for (; i < to; i++) {
    const timeNs = startNs[i]!;
    const n = number[i]!;
    if (timeNs >= dueNs) break;
    if (n === SWITCH) {
      if ((value[i]! & GONE) !== 0) break;
      takeSwitch(batch, switches, bounds[START_NS]!, counts, i);
      continue;
    }
    const index = thread[i]!;
    const freeNs = freeAt[index]!;
    if ((entry[i]! & (NEVER_RETURNS | IS_RESTART)) !== 0) break;
    if (n >= 0) {
      if (timeNs < freeNs) break;
      calls[row - firstRow] = i;
      freeAt[index] = endNs[i]!;
      lastRow[index] = row++;
      continue;
    }
    if (freeNs === OPEN) {
      const open = lastRow[index]!;
      if (open < firstRow) {
        if (!endRow(rows, open, entry[i]!, timeNs - bounds[START_NS]!, result[i]!)) break;
      } else {
        const call = calls[open - firstRow]!;
        if (((entry[call]! ^ entry[i]!) & KIND) !== 0) break;
        endNs[call] = timeNs;
        result[call] = result[i]!;
      }
      freeAt[index] = timeNs;
    } else if (timeNs < freeNs) break;
    else {
      counts[freeNs === NOT_BEGUN ? BEFORE_WINDOW : LOST_ENTERS]!++;
      freeAt[index] = timeNs;
    }
  }
  counts[CALLS] = row - firstRow;
  return i;
}

export function takeSwitch(
  { startNs, tid, value, cpu }: Batch,
  { timeNs: switchNs, cpu: switchCpu, previous, next, runnable }: Switches,
  windowStartNs: number,
  counts: Int32Array,
  i: number,
): void {
  const row = counts[SWITCH_ROW]!++;
  switchNs[row] = startNs[i]! - windowStartNs;
  switchCpu[row] = cpu[i]!;
  previous[row] = tid[i]!;
  next[row] = value[i]! & ~(RUNNABLE | GONE);
  runnable[row] = (value[i]! & RUNNABLE) === 0 ? 0 : 1;
}

/** False where the return is another call's. */
function endRow(
  { enterNs, durationNs, call, result }: Calls,
  row: number,
  entry: number,
  timeNs: number,
  returned: number,
): boolean {
  if (call[row] !== (entry & KIND)) return false;
  durationNs[row] = timeNs - enterNs[row]!;
  result[row] = keptResult(returned, entry);
  return true;
}

/** Of an address only that it is none of the errors. */
export function keptResult(returned: number, entry: number): number {
  return returned > 0 && (entry & RETURNS_ADDRESS) !== 0 ? 0 : returned;
}

/** Writes the rows of `calls`. */
export function writeRows(
  { startNs, endNs, cpu: cpuOf, value, result: returned }: Batch,
  { thread: threadOf, entry, calls }: Identified,
  { enterNs, durationNs, thread, cpu, call, result, fd }: Calls,
  windowStartNs: number,
  firstRow: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) enterNs[firstRow + i] = startNs[calls[i]!]! - windowStartNs;
  for (let i = 0; i < count; i++) durationNs[firstRow + i] = endNs[calls[i]!]! - startNs[calls[i]!]!;
  for (let i = 0; i < count; i++) thread[firstRow + i] = threadOf[calls[i]!]!;
  for (let i = 0; i < count; i++) cpu[firstRow + i] = cpuOf[calls[i]!]!;
  for (let i = 0; i < count; i++) call[firstRow + i] = entry[calls[i]!]! & KIND;
  for (let i = 0; i < count; i++) result[firstRow + i] = keptResult(returned[calls[i]!]!, entry[calls[i]!]!);
  for (let i = 0; i < count; i++) fd[firstRow + i] = descriptorOf(entry[calls[i]!]!, value[calls[i]!]!);
}

/** The first argument where it is a descriptor (the kernel looks at its low 32 bits, and AT_FDCWD is none). */
export function descriptorOf(entry: number, argument: number): number {
  return (entry & HAS_DESCRIPTOR) === 0 || argument < 0 ? NO_FD : argument;
}

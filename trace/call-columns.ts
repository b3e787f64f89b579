import { newColumns, pickRows, resizeColumns, rowsByTime } from './columns.ts';
import { TraceError } from './errors.ts';
import { type Calls, callColumns, NO_RESULT, NO_STACK, OPEN } from './trace.ts';

/**
 * Most calls that a trace may hold: 32 bytes each, 36 with stacks, so 1.8 GB; 90 s of a saturated server are about
 * 45 million events, half as many calls.
 */
export const MAX_CALLS = 50_000_000;

const FIRST_CAPACITY = 4096;

/** The growing columns of a trace while a reader fills them, rows in the order of appearance. */
export type CallColumns = { -readonly [Name in keyof Calls]: Calls[Name] } & {
  length: number;
  capacity: number;
};

export function createCallColumns(withStacks: boolean): CallColumns {
  return { ...newCalls(FIRST_CAPACITY, withStacks), length: 0, capacity: FIRST_CAPACITY };
}

/** Columns of `length` calls, nothing of which is filled. */
export function newCalls(length: number, withStacks: boolean): Calls {
  const { stack, ...others } = callColumns;
  return { ...newColumns(others, length), stack: withStacks ? new stack(length) : null };
}

/** Appends a call that is open and returns its row; the caller sets its `enterNs`. */
export function appendCall(
  columns: CallColumns,
  thread: number,
  cpu: number,
  call: number,
  fd: number,
): number {
  const row = columns.length;
  if (row === columns.capacity) {
    if (row >= MAX_CALLS) {
      throw new TraceError(
        `more than ${MAX_CALLS} system calls in one trace: give a shorter window (perf script --time START,END)`,
      );
    }
    resize(columns, Math.min(MAX_CALLS, Math.ceil(row * 1.5)));
  }
  columns.durationNs[row] = OPEN;
  columns.thread[row] = thread;
  columns.cpu[row] = cpu;
  columns.call[row] = call;
  columns.result[row] = NO_RESULT;
  columns.fd[row] = fd;
  if (columns.stack !== null) columns.stack[row] = NO_STACK;
  columns.length = row + 1;
  return row;
}

function resize(columns: CallColumns, capacity: number): void {
  Object.assign(columns, resizeColumns(callColumns, columns, capacity));
  columns.capacity = capacity;
}

/** Trims the columns to their rows and brings them into order of enter time; equal times keep their order. */
export function sealColumns(columns: CallColumns): void {
  resize(columns, columns.length);
  const { enterNs, length } = columns;
  let sorted = true;
  for (let row = 1; row < length && sorted; row++) sorted = enterNs[row - 1]! <= enterNs[row]!;
  if (sorted) return;
  Object.assign(columns, pickRows(callColumns, columns, rowsByTime(enterNs)));
}

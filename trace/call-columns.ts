import { TraceError } from './errors.ts';
import { NO_RESULT, NO_STACK, OPEN } from './trace.ts';

/**
 * Most calls that a trace may hold: 36 bytes each, so 1.8 GB; 90 s of a saturated server are about 45 million
 * events, half as many calls.
 */
export const MAX_CALLS = 50_000_000;

const FIRST_CAPACITY = 4096;

/** The growing columns of a trace while a reader fills them, rows in the order of appearance. */
export interface CallColumns {
  length: number;
  capacity: number;
  enterNs: Float64Array<ArrayBuffer>;
  durationNs: Float64Array<ArrayBuffer>;
  thread: Uint32Array<ArrayBuffer>;
  cpu: Uint16Array<ArrayBuffer>;
  call: Uint16Array<ArrayBuffer>;
  result: Int32Array<ArrayBuffer>;
  fd: Int32Array<ArrayBuffer>;
  stack: Int32Array<ArrayBuffer> | null;
}

export function createCallColumns(withStacks: boolean): CallColumns {
  return {
    length: 0,
    capacity: FIRST_CAPACITY,
    enterNs: new Float64Array(FIRST_CAPACITY),
    durationNs: new Float64Array(FIRST_CAPACITY),
    thread: new Uint32Array(FIRST_CAPACITY),
    cpu: new Uint16Array(FIRST_CAPACITY),
    call: new Uint16Array(FIRST_CAPACITY),
    result: new Int32Array(FIRST_CAPACITY),
    fd: new Int32Array(FIRST_CAPACITY),
    stack: withStacks ? new Int32Array(FIRST_CAPACITY) : null,
  };
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

/** Gives the columns' memory the size of `capacity` rows; transfer() lets the engine grow it in place. */
function resize(columns: CallColumns, capacity: number): void {
  columns.enterNs = new Float64Array(columns.enterNs.buffer.transfer(capacity * 8));
  columns.durationNs = new Float64Array(columns.durationNs.buffer.transfer(capacity * 8));
  columns.thread = new Uint32Array(columns.thread.buffer.transfer(capacity * 4));
  columns.cpu = new Uint16Array(columns.cpu.buffer.transfer(capacity * 2));
  columns.call = new Uint16Array(columns.call.buffer.transfer(capacity * 2));
  columns.result = new Int32Array(columns.result.buffer.transfer(capacity * 4));
  columns.fd = new Int32Array(columns.fd.buffer.transfer(capacity * 4));
  if (columns.stack !== null) columns.stack = new Int32Array(columns.stack.buffer.transfer(capacity * 4));
  columns.capacity = capacity;
}

/** Trims the columns to their rows and brings them into order of enter time; equal times keep their order. */
export function sealColumns(columns: CallColumns): void {
  resize(columns, columns.length);
  const { enterNs, length } = columns;
  let sorted = true;
  for (let row = 1; row < length && sorted; row++) sorted = enterNs[row - 1]! <= enterNs[row]!;
  if (sorted) return;
  const order = new Uint32Array(length).map((_, row) => row);
  order.sort((a, b) => enterNs[a]! - enterNs[b]! || a - b);
  columns.durationNs = columns.durationNs.map((_, row) => columns.durationNs[order[row]!]!);
  columns.thread = columns.thread.map((_, row) => columns.thread[order[row]!]!);
  columns.cpu = columns.cpu.map((_, row) => columns.cpu[order[row]!]!);
  columns.call = columns.call.map((_, row) => columns.call[order[row]!]!);
  columns.result = columns.result.map((_, row) => columns.result[order[row]!]!);
  columns.fd = columns.fd.map((_, row) => columns.fd[order[row]!]!);
  const { stack } = columns;
  if (stack !== null) columns.stack = stack.map((_, row) => stack[order[row]!]!);
  columns.enterNs = enterNs.map((_, row) => enterNs[order[row]!]!);
}

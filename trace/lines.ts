import { Buffer } from 'node:buffer';

/** Longest line that a reader looks at; C++ and Java symbols and strace's structures stay far below. */
export const MAX_LINE_BYTES = 256 * 1024;

const NEWLINE = 10;
const CARRIAGE_RETURN = 13;

/** What to do with the lines of a text; `context` is the reader's own. */
export interface LineHandler<Context> {
  /** One line, `bytes[start, end)` without its end-of-line; `bytes` is only valid during the call. */
  line(context: Context, bytes: Uint8Array, start: number, end: number, lineNumber: number): void;
  /** A line longer than MAX_LINE_BYTES was passed over. */
  tooLong(context: Context, lineNumber: number): void;
  /** The input ends within this line: it cannot be trusted. */
  cut(context: Context, lineNumber: number): void;
}

/** The beginning of a line that the chunks so far do not end. */
interface Carry {
  bytes: Buffer;
  length: number;
  /** True where the line has become too long, and its bytes were dropped. */
  overlong: boolean;
}

/** Cuts chunks of bytes into lines; holds at most one line, whatever the chunks' sizes. */
export async function forEachLine<Context>(
  chunks: AsyncIterable<Uint8Array>,
  handler: LineHandler<Context>,
  context: Context,
): Promise<void> {
  const carry: Carry = { bytes: Buffer.alloc(4096), length: 0, overlong: false };
  let lineNumber = 1;
  for await (const input of chunks) {
    // Always Buffers, for their faster indexOf, and so that the parsers' hot loops see one type of array.
    const chunk = Buffer.from(input.buffer, input.byteOffset, input.length);
    let position = 0;
    if (carry.length > 0 || carry.overlong) {
      const end = chunk.indexOf(NEWLINE);
      keep(carry, chunk, 0, end < 0 ? chunk.length : end);
      if (end < 0) continue;
      if (carry.overlong) handler.tooLong(context, lineNumber++);
      else give(handler, context, carry.bytes, 0, carry.length, lineNumber++);
      carry.length = 0;
      carry.overlong = false;
      position = end + 1;
    }
    for (;;) {
      const end = chunk.indexOf(NEWLINE, position);
      if (end < 0) break;
      give(handler, context, chunk, position, end, lineNumber++);
      position = end + 1;
    }
    if (position < chunk.length) keep(carry, chunk, position, chunk.length);
  }
  if (carry.overlong) handler.tooLong(context, lineNumber);
  else if (carry.length > 0) handler.cut(context, lineNumber);
}

function give<Context>(
  handler: LineHandler<Context>,
  context: Context,
  bytes: Buffer,
  start: number,
  end: number,
  lineNumber: number,
): void {
  if (end - start > MAX_LINE_BYTES) handler.tooLong(context, lineNumber);
  else {
    const returns = end > start && bytes[end - 1] === CARRIAGE_RETURN;
    handler.line(context, bytes, start, returns ? end - 1 : end, lineNumber);
  }
}

function keep(carry: Carry, bytes: Buffer, start: number, end: number): void {
  const length = carry.length + end - start;
  if (carry.overlong || length > MAX_LINE_BYTES) {
    carry.overlong = true;
    carry.length = 0;
    return;
  }
  if (length > carry.bytes.length) {
    const larger = Buffer.alloc(2 * length);
    larger.set(carry.bytes.subarray(0, carry.length));
    carry.bytes = larger;
  }
  carry.bytes.set(bytes.subarray(start, end), carry.length);
  carry.length = length;
}

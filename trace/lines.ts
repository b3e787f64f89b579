import { Buffer } from 'node:buffer';

/** Longest line that a reader looks at; C++ and Java symbols and strace's structures stay far below. */
export const MAX_LINE_BYTES = 256 * 1024;

const NEWLINE = 10;
const CARRIAGE_RETURN = 13;

export interface LineHandler {
  /** One line, `bytes[start, end)` without its end-of-line; `bytes` is only valid during the call. */
  line(bytes: Uint8Array, start: number, end: number, lineNumber: number): void;
  /** A line longer than MAX_LINE_BYTES was passed over. */
  tooLong(lineNumber: number): void;
  /** The input ends within this line: it cannot be trusted. */
  cut(lineNumber: number): void;
}

/** Cuts chunks of bytes into lines; holds at most one line, whatever the chunks' sizes. */
export async function forEachLine(chunks: AsyncIterable<Uint8Array>, handler: LineHandler): Promise<void> {
  let lineNumber = 1;
  /** The beginning of a line that the chunks so far do not end. */
  let carry = Buffer.alloc(4096);
  let carried = 0;
  let overlong = false;

  const give = (bytes: Uint8Array, start: number, end: number): void => {
    if (overlong || end - start > MAX_LINE_BYTES) handler.tooLong(lineNumber);
    else
      handler.line(
        bytes,
        start,
        end > start && bytes[end - 1] === CARRIAGE_RETURN ? end - 1 : end,
        lineNumber,
      );
    overlong = false;
    lineNumber++;
  };
  const keep = (bytes: Uint8Array, start: number, end: number): void => {
    if (overlong || carried + end - start > MAX_LINE_BYTES) {
      overlong = true;
      carried = 0;
      return;
    }
    if (carried + end - start > carry.length) {
      const larger = Buffer.alloc(2 * (carried + end - start));
      larger.set(carry.subarray(0, carried));
      carry = larger;
    }
    carry.set(bytes.subarray(start, end), carried);
    carried += end - start;
  };

  for await (const input of chunks) {
    // Always Buffers, for their faster indexOf, and so that the parsers' hot loops see one type of array.
    const chunk = Buffer.from(input.buffer, input.byteOffset, input.length);
    let position = 0;
    if (carried > 0 || overlong) {
      const end = chunk.indexOf(NEWLINE);
      keep(chunk, 0, end < 0 ? chunk.length : end);
      if (end < 0) continue;
      give(carry, 0, carried);
      carried = 0;
      position = end + 1;
    }
    for (;;) {
      const end = chunk.indexOf(NEWLINE, position);
      if (end < 0) break;
      give(chunk, position, end);
      position = end + 1;
    }
    if (position < chunk.length) keep(chunk, position, chunk.length);
  }
  if (overlong) handler.tooLong(lineNumber);
  else if (carried > 0) handler.cut(lineNumber);
}

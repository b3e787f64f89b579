/** Numbers in the text of raw system call events, read in place. */
import { descriptor } from '../call-pairing.ts';

const SPACE = 32;
const COMMA = 44;
const ZERO = 48;
const NINE = 57;
const LOWER_A = 97;
const LOWER_F = 102;

/** Index behind ` NR `, or -1. */
export function behindNumberMark(bytes: Uint8Array, from: number, end: number): number {
  let i = from;
  while (i < end && bytes[i] === SPACE) i++;
  if (i + 4 > end || bytes[i] !== 78 || bytes[i + 1] !== 82 || bytes[i + 2] !== SPACE) return -1;
  return i + 3;
}

/** The hexadecimal number that starts at `from` and ends before a comma or a parenthesis, as a descriptor. */
export function hexDescriptor(bytes: Uint8Array, from: number, end: number): number {
  let value = 0;
  for (let i = from; i < end && bytes[i] !== COMMA; i++) {
    const byte = bytes[i]!;
    if (byte >= ZERO && byte <= NINE) value = (value << 4) | (byte - ZERO);
    else if (byte >= LOWER_A && byte <= LOWER_F) value = (value << 4) | (byte - LOWER_A + 10);
    else break;
  }
  return descriptor(value);
}

/**
 * The part of a `perf script` line before the event's name: `comm pid/tid [cpu] time:`.
 *
 * It is read from the right: a thread's name may hold spaces, colons, brackets and slashes (FlameGraph#64, #66;
 * firefox-profiler#978), while everything to its right has a fixed shape. Source: perf_sample__fprintf_start in
 * tools/perf/builtin-script.c. `pid/` and `[cpu]` may be missing, as in the default fields of older versions.
 */
export interface PerfHeader {
  pid: number;
  tid: number;
  /** -1 where the line has none. */
  cpu: number;
  seconds: number;
  fractionNs: number;
  /** The thread's name is `bytes[commStart, commEnd)`; empty where the line has none. */
  commStart: number;
  commEnd: number;
  /** False where the line names a thread only: `pid` is then the tid. */
  namesProcess: boolean;
  /** True where all but `fractionNs` is what it was in the line before. */
  repeated: boolean;
  /** The last line's bytes up to the point in its time, for finding out; 0 long where there are none. */
  readonly prefix: DataView<ArrayBuffer>;
  prefixLength: number;
  /** Where the line began that `commStart` and `commEnd` are of. */
  prefixStart: number;
  /** A view on the bytes that lines come from, renewed when they change. */
  view: DataView;
  viewed: Uint8Array;
}

/** Headers are some 45 bytes: a thread's name has 15, two ids 7 each, the rest is fixed. */
const MAX_PREFIX_BYTES = 128;

const SPACE = 32;
const COLON = 58;
const DOT = 46;
const SLASH = 47;
const ZERO = 48;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;

export function createPerfHeader(): PerfHeader {
  return {
    pid: 0,
    tid: 0,
    cpu: -1,
    seconds: 0,
    fractionNs: 0,
    commStart: 0,
    commEnd: 0,
    namesProcess: true,
    repeated: false,
    prefix: new DataView(new ArrayBuffer(MAX_PREFIX_BYTES)),
    prefixLength: 0,
    prefixStart: 0,
    view: new DataView(new ArrayBuffer(0)),
    viewed: new Uint8Array(),
  };
}

/**
 * Reads the header that ends before `eventStart` (the first byte of the event's name) into `header`.
 * Returns false where the bytes have another shape.
 */
export function readPerfHeader(
  header: PerfHeader,
  bytes: Uint8Array,
  lineStart: number,
  eventStart: number,
): boolean {
  header.repeated = repeatsPrefix(header, bytes, lineStart, eventStart);
  if (header.repeated) return true;
  header.prefixLength = 0;
  let at = eventStart - 1;
  while (at >= lineStart && bytes[at] === SPACE) at--;
  // An event period (field `period`) may stand between time and name.
  if (at >= lineStart && isDigit(bytes[at]!)) {
    while (at >= lineStart && isDigit(bytes[at]!)) at--;
    while (at >= lineStart && bytes[at] === SPACE) at--;
  }
  if (at < lineStart || bytes[at] !== COLON) return false;
  at--;

  let scale = 1;
  let value = 0;
  let first = at;
  while (at >= lineStart && isDigit(bytes[at]!)) {
    value += (bytes[at]! - ZERO) * scale;
    scale *= 10;
    at--;
  }
  if (at === first || at < lineStart || bytes[at] !== DOT) return false;
  // Six digits, or nine with perf script --ns.
  header.fractionNs =
    scale === 1e6 ? value * 1000 : scale === 1e9 ? value : Math.round((value / scale) * 1e9);
  const point = at;
  at--;

  scale = 1;
  value = 0;
  first = at;
  while (at >= lineStart && isDigit(bytes[at]!)) {
    value += (bytes[at]! - ZERO) * scale;
    scale *= 10;
    at--;
  }
  if (at === first || at < lineStart || bytes[at] !== SPACE) return false;
  header.seconds = value;
  while (at >= lineStart && bytes[at] === SPACE) at--;

  header.cpu = -1;
  if (at >= lineStart && bytes[at] === CLOSE_BRACKET) {
    at--;
    scale = 1;
    value = 0;
    while (at >= lineStart && isDigit(bytes[at]!)) {
      value += (bytes[at]! - ZERO) * scale;
      scale *= 10;
      at--;
    }
    if (scale === 1 || at < lineStart || bytes[at] !== OPEN_BRACKET) return false;
    header.cpu = value;
    at--;
    while (at >= lineStart && bytes[at] === SPACE) at--;
  }

  scale = 1;
  value = 0;
  while (at >= lineStart && isDigit(bytes[at]!)) {
    value += (bytes[at]! - ZERO) * scale;
    scale *= 10;
    at--;
  }
  if (scale === 1) return false;
  header.tid = value;
  header.pid = value;
  header.namesProcess = at >= lineStart && bytes[at] === SLASH;
  if (header.namesProcess) {
    at--;
    scale = 1;
    value = 0;
    while (at >= lineStart && isDigit(bytes[at]!)) {
      value += (bytes[at]! - ZERO) * scale;
      scale *= 10;
      at--;
    }
    if (scale === 1) return false;
    header.pid = value;
  }
  if (at >= lineStart && bytes[at] !== SPACE) return false;
  while (at >= lineStart && bytes[at] === SPACE) at--;
  header.commEnd = at + 1;
  let commStart = lineStart;
  while (commStart <= at && bytes[commStart] === SPACE) commStart++;
  header.commStart = commStart;
  if (point + 1 - lineStart <= MAX_PREFIX_BYTES) {
    header.prefixLength = point + 1 - lineStart;
    header.prefixStart = lineStart;
    for (let i = 0; i < header.prefixLength; i++) header.prefix.setUint8(i, bytes[lineStart + i]!);
  }
  return true;
}

/**
 * A line mostly follows one of the same thread, on the same CPU, in the same second: then only the six digits
 * behind the point are new, and reading from the right would find the same as before.
 */
function repeatsPrefix(
  header: PerfHeader,
  bytes: Uint8Array,
  lineStart: number,
  eventStart: number,
): boolean {
  const { prefix, prefixLength } = header;
  const digits = lineStart + prefixLength;
  if (prefixLength === 0 || digits + 7 > eventStart || bytes[digits + 6] !== COLON) return false;
  if (header.viewed !== bytes) {
    header.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    header.viewed = bytes;
  }
  const { view } = header;
  // Four bytes at a time, from the right, where lines differ first.
  let left = prefixLength;
  for (; left >= 4; left -= 4) {
    if (view.getInt32(lineStart + left - 4) !== prefix.getInt32(left - 4)) return false;
  }
  for (; left > 0; left--)
    if (view.getUint8(lineStart + left - 1) !== prefix.getUint8(left - 1)) return false;
  for (let i = digits + 7; i < eventStart; i++) if (bytes[i] !== SPACE) return false;
  let micros = 0;
  for (let i = digits; i < digits + 6; i++) {
    const digit = bytes[i]! - ZERO;
    if (digit < 0 || digit > 9) return false;
    micros = micros * 10 + digit;
  }
  header.fractionNs = micros * 1000;
  // The name stands at the same place of this line.
  header.commStart += lineStart - header.prefixStart;
  header.commEnd += lineStart - header.prefixStart;
  header.prefixStart = lineStart;
  return true;
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}

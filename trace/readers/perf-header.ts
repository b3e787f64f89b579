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
}

const SPACE = 32;
const COLON = 58;
const DOT = 46;
const SLASH = 47;
const ZERO = 48;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;

export function createPerfHeader(): PerfHeader {
  return { pid: 0, tid: 0, cpu: -1, seconds: 0, fractionNs: 0, commStart: 0, commEnd: 0, namesProcess: true };
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
  return true;
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}

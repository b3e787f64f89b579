import type { PageLayout } from './page-layout.ts';
import { type CpuLog, eventChunk, NO_CALL_NUMBER, type RingLoss, RUNNABLE, SWITCH } from './ring-log.ts';

/**
 * Decodes the kernel's ring pages (struct buffer_data_page and struct ring_buffer_event in
 * kernel/trace/ring_buffer.c and include/linux/ring_buffer.h): a page has a time stamp, the length of its
 * events, and events whose 32-bit head holds 5 bits of type or length and 27 bits of time since the event before.
 */

/** Types in the head of an event above the greatest length in words (RINGBUF_TYPE_DATA_TYPE_LEN_MAX). */
export const PADDING = 29;
export const TIME_EXTEND = 30;
export const TIME_STAMP = 31;

/** Bits of a page's commit word: the rest is its length (RB_MISSED_EVENTS, RB_MISSED_STORED). */
export const MISSED_EVENTS = 0x8000_0000;
export const MISSED_STORED = 0x4000_0000;
export const COMMIT_LENGTH = 0x000f_ffff;

/** Bits that a time in an event's head leaves to the word behind it (TS_SHIFT). */
export const TIME_SHIFT = 2 ** 27;

/** The least words that an event of a page can take that is worth a row: its head, type and thread, call number. */
const LEAST_EVENT_WORDS = 4;

/** Bits of prev_state of a thread that waits (TASK_REPORT); the bit above them marks a preempted one. */
const SLEEPING_STATES = 0x7f;

export interface PageTally {
  /** Events that are neither enter, exit nor switch. */
  otherEvents: number;
  /** Pages with a length or an event that cannot be: the rest of the page was left out. */
  brokenPages: number;
  /** Events with a time before the one before them: taken at that one's time. */
  backwards: number;
  readonly losses: RingLoss[];
}

export function newPageTally(): PageTally {
  return { otherEvents: 0, brokenPages: 0, backwards: 0, losses: [] };
}

/** Where time starts: exact also when the machine has been up for more than 2^53 nanoseconds (104 days). */
export interface Origin {
  readonly low: number;
  readonly high: number;
}

/**
 * Decodes pages into a log. What the hot loop needs lies in typed arrays, not in objects: V8 throws compiled code
 * away when the last object of a shape that it was compiled for dies, and each file has objects of its own.
 */
export interface PageDecoder {
  readonly decode: (words: Uint32Array, page: number, log: CpuLog) => void;
}

/** Places in `shape`. */
const DATA = 0;
const CAPACITY = 1;
const COMMIT = 2;
const ENTER = 3;
const EXIT = 8;
const SCHED = 13;
/** Within an event's shape: its type, least words, thread, then what differs. */
const TYPE = 0;
const WORDS = 1;
const TID = 2;
const NUMBER = 3;
const VALUE = 4;
const STATE = 3;
const NEXT = 4;

/** Places in `times`. */
const ORIGIN_LOW = 0;
const ORIGIN_HIGH = 1;
const LAST = 2;

/** Places in `counts`. */
const ROW = 0;
const ENTERS = 1;
const SWITCHES = 2;
const OTHER = 3;
const BROKEN = 4;
const BACKWARDS = 5;

const ABSENT = -1;

export function pageDecoder(layout: PageLayout, origin: Origin, tally: PageTally): PageDecoder {
  const { enter, exit, sched } = layout;
  const call = (event: PageLayout['enter']) =>
    event === null ? [ABSENT, 0, 0, 0, 0] : [event.type, event.words, event.tid, event.call, event.value];
  const capacity = layout.pageBytes / 4 - layout.dataWord;
  const shape = Int32Array.from([
    layout.dataWord,
    capacity,
    layout.commitWord,
    ...call(enter),
    ...call(exit),
    ...(sched === null
      ? [ABSENT, 0, 0, 0, 0]
      : [sched.type, sched.words, sched.previousTid, sched.previousState, sched.nextTid]),
  ]);
  const times = Float64Array.from([origin.low, origin.high, 0]);
  const counts = new Int32Array(6);
  const room = Math.ceil(capacity / LEAST_EVENT_WORDS);
  return {
    decode(words, page, log) {
      if ((words[page + layout.commitWord]! & MISSED_EVENTS) !== 0) {
        tally.losses.push(missedBefore(words, page, layout, origin, log));
      }
      const chunk = eventChunk(log, room);
      counts.fill(0);
      counts[ROW] = chunk.length;
      times[LAST] = log.lastNs;
      decodePage(words, page, shape, times, counts, chunk.timeNs, chunk.tid, chunk.call, chunk.value);
      const rows = counts[ROW]! - chunk.length;
      if (rows > 0 && Number.isNaN(log.firstNs)) log.firstNs = chunk.timeNs[chunk.length]!;
      chunk.length = counts[ROW]!;
      log.enters += counts[ENTERS]!;
      log.switches += counts[SWITCHES]!;
      log.exits += rows - counts[ENTERS]! - counts[SWITCHES]!;
      log.lastNs = times[LAST]!;
      tally.otherEvents += counts[OTHER]!;
      tally.brokenPages += counts[BROKEN]!;
      tally.backwards += counts[BACKWARDS]!;
    },
  };
}

function missedBefore(
  words: Uint32Array,
  page: number,
  layout: PageLayout,
  origin: Origin,
  log: CpuLog,
): RingLoss {
  const commit = words[page + layout.commitWord]!;
  const end = page + layout.dataWord + ((commit & COMMIT_LENGTH) >>> 2);
  // The count follows the events where the page has room for it (ring_buffer_read_page).
  const isCounted = (commit & MISSED_STORED) !== 0 && end + 2 <= page + layout.pageBytes / 4;
  return {
    cpu: log.cpu,
    timeNs: log.lastNs === Number.NEGATIVE_INFINITY ? null : pageTime(words, page, origin),
    events: isCounted ? words[end]! + words[end + 1]! * 2 ** 32 : null,
  };
}

/** Time of a page's first event, nanoseconds from the origin. */
export function pageTime(words: Uint32Array, page: number, origin: Origin): number {
  return (words[page + 1]! - origin.high) * 2 ** 32 + (words[page]! - origin.low);
}

function decodePage(
  words: Uint32Array,
  page: number,
  shape: Int32Array,
  times: Float64Array,
  counts: Int32Array,
  timeNs: Float64Array,
  tid: Int32Array,
  call: Int16Array,
  value: Int32Array,
): void {
  const capacity = shape[CAPACITY]!;
  const length = (words[page + shape[COMMIT]!]! & COMMIT_LENGTH) >>> 2;
  let at = page + shape[DATA]!;
  const end = at + Math.min(length, capacity);
  if (length > capacity) counts[BROKEN]!++;
  const originLow = times[ORIGIN_LOW]!;
  const originHigh = times[ORIGIN_HIGH]!;
  let time = (words[page + 1]! - originHigh) * 2 ** 32 + (words[page]! - originLow);
  let last = times[LAST]!;
  let row = counts[ROW]!;
  let enters = 0;
  const enterType = shape[ENTER + TYPE]!;
  const enterWords = shape[ENTER + WORDS]!;
  const enterTid = shape[ENTER + TID]!;
  const enterCall = shape[ENTER + NUMBER]!;
  const enterValue = shape[ENTER + VALUE]!;
  const exitType = shape[EXIT + TYPE]!;
  const exitWords = shape[EXIT + WORDS]!;
  const exitTid = shape[EXIT + TID]!;
  const exitCall = shape[EXIT + NUMBER]!;
  const exitValue = shape[EXIT + VALUE]!;

  while (at < end) {
    const head = words[at]!;
    const type = head & 31;
    let payload = at + 1;
    let size = type;
    time += head >>> 5;
    if (type === 0) {
      // A longer event: its length in bytes, this word included, stands before the payload.
      payload = at + 2;
      size = ((words[at + 1]! + 3) >>> 2) - 1;
      if (size < 0) size = capacity;
    } else if (type >= PADDING) {
      if (type === TIME_EXTEND) {
        time += words[at + 1]! * TIME_SHIFT;
        at += 2;
      } else if (type === TIME_STAMP) {
        time = absoluteTime(head >>> 5, words[at + 1]!, words[page + 1]!, originLow, originHigh);
        at += 2;
      } else if (head >>> 5 === 0) {
        break; // the rest of the page is empty
      } else {
        at += 1 + ((words[at + 1]! + 3) >>> 2); // a discarded event
      }
      continue;
    }
    const next = payload + size;
    if (next > end) {
      counts[BROKEN]!++;
      break;
    }
    if (time < last) {
      // The kernel's fast clock may step back by some nanoseconds (Documentation/core-api/timekeeping.rst).
      counts[BACKWARDS]!++;
      time = last;
    }
    last = time;
    const eventType = words[payload]! & 0xffff;
    if (eventType === enterType && size >= enterWords) {
      timeNs[row] = time;
      tid[row] = words[payload + enterTid]!;
      call[row] = callNumber(words[payload + enterCall]!);
      value[row] = words[payload + enterValue]!;
      row++;
      enters++;
    } else if (eventType === exitType && size >= exitWords) {
      timeNs[row] = time;
      tid[row] = words[payload + exitTid]!;
      call[row] = ~callNumber(words[payload + exitCall]!);
      value[row] = clamped(words[payload + exitValue]!, words[payload + exitValue + 1]! | 0);
      row++;
    } else if (eventType === shape[SCHED + TYPE] && size >= shape[SCHED + WORDS]!) {
      const isRunnable = (words[payload + shape[SCHED + STATE]!]! & SLEEPING_STATES) === 0;
      timeNs[row] = time;
      tid[row] = words[payload + shape[SCHED + TID]!]!;
      call[row] = SWITCH;
      value[row] = (words[payload + shape[SCHED + NEXT]!]! & ~RUNNABLE) | (isRunnable ? RUNNABLE : 0);
      row++;
      counts[SWITCHES]!++;
    } else {
      counts[OTHER]!++;
    }
    at = next;
  }
  counts[ROW] = row;
  counts[ENTERS] = enters;
  times[LAST] = last;
}

/** Without the mark of x86_64's x32 interface, which shares the numbers. */
function callNumber(word: number): number {
  const number = (word & 0xbfff_ffff) >>> 0;
  return Math.min(number, NO_CALL_NUMBER);
}

/** A 64-bit result as 32 bits: what is smaller or greater keeps its sign. */
function clamped(low: number, high: number): number {
  if (high === 0) return Math.min(low, 0x7fff_ffff);
  if (high === -1 && low >= 0x8000_0000) return low | 0;
  return high < 0 ? -0x7fff_ffff : 0x7fff_ffff;
}

/** An absolute stamp has 59 bits; the five above them are those of the page's (rb_fix_abs_ts). */
export function absoluteTime(
  low27: number,
  middle32: number,
  pageHigh: number,
  originLow: number,
  originHigh: number,
): number {
  const high = Math.floor(middle32 / 32) + (pageHigh & 0xf800_0000);
  const low = (middle32 % 32) * TIME_SHIFT + low27;
  return ((high >>> 0) - originHigh) * 2 ** 32 + (low - originLow);
}

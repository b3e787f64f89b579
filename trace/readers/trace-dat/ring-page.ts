import type * as trace from '../../trace.ts';
import type { PageLayout } from './page-layout.ts';
import type * as records from './ring-records.ts';
import { chunkWithRoom, type RecordChunk, type Ring, type RingLoss } from './ring-records.ts';

// V8 folds a module's own constants, and looks an imported one up at each use. The types hold them together.
const TIMES: typeof records.TIMES = 2;
const START: typeof records.START = 0;
const END: typeof records.END = 1;
const WORDS: typeof records.WORDS = 4;
const TID: typeof records.TID = 0;
const NUMBER: typeof records.NUMBER = 1;
const VALUE: typeof records.VALUE = 2;
const RESULT: typeof records.RESULT = 3;
const SWITCH: typeof records.SWITCH = -0x8000;
const NO_CALL_NUMBER: typeof records.NO_CALL_NUMBER = 0x7ffe;
const RUNNABLE: typeof records.RUNNABLE = 0x4000_0000;
const GONE: typeof records.GONE = 0x2000_0000;
const OPEN: typeof trace.OPEN = Number.POSITIVE_INFINITY;
const NO_RESULT: typeof trace.NO_RESULT = -0x8000_0000;

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
export const TIME_SHIFT = 0x800_0000;

/** The least words that an event of a page can take that is worth a record: its head, type and thread, call number. */
const LEAST_EVENT_WORDS = 4;

/** Bits of prev_state of a thread that waits (TASK_REPORT); the bit above them marks a preempted one. */
const SLEEPING_STATES = 0x7f;

/** Those of one that has ended: EXIT_DEAD and EXIT_ZOMBIE (include/linux/sched.h). */
const ENDED_STATES = 0x30;

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
 * Decodes pages into records of their ring. What the hot loop needs lies in typed arrays, not in objects: V8 throws
 * compiled code away when the last object of a shape that it was compiled for dies, and each file has objects of its
 * own.
 */
export interface PageDecoder {
  readonly decode: (words: Uint32Array, page: number, ring: Ring) => void;
}

/** Places in `shape`. */
const DATA = 0;
const CAPACITY = 1;
const COMMIT = 2;
const ENTER = 3;
const EXIT = 8;
const SCHED = 13;
/** Within an event's shape: its type, least words, thread, then what differs. */
const EVENT_TYPE = 0;
const EVENT_WORDS = 1;
const EVENT_TID = 2;
const CALL_NUMBER = 3;
const CALL_VALUE = 4;
const PREVIOUS_STATE = 3;
const NEXT_TID = 4;

/** Places in `pageTimes`. */
const ORIGIN_LOW = 0;
const ORIGIN_HIGH = 1;
const LAST = 2;

/** Places in `counts`: of the chunk, of the page, of all pages. */
const RECORDS = 0;
const ENTERS = 1;
const EXITS = 2;
const SWITCHES = 3;
const OTHER = 4;
const BROKEN = 5;
const BACKWARDS = 6;
const COUNTS = 7;

const ABSENT = -1;

/** Threads whose open calls are remembered while a ring is decoded, by the low bits of their ids. */
const REMEMBERED = 16_384;
const NONE = -1;

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
  const pageTimes = Float64Array.from([origin.low, origin.high, 0]);
  const counts = new Int32Array(COUNTS);
  const room = Math.ceil(capacity / LEAST_EVENT_WORDS);
  const openRecord = new Int32Array(REMEMBERED);
  let current: RecordChunk | null = null;
  return {
    decode(words, page, ring) {
      const isMissing = (words[page + layout.commitWord]! & MISSED_EVENTS) !== 0;
      if (isMissing) tally.losses.push(missedBefore(words, page, layout, origin, ring));
      const chunk = chunkWithRoom(ring, room);
      // A return behind a gap may be another call's than that before it.
      if (isMissing || chunk !== current) openRecord.fill(NONE);
      current = chunk;
      const before = chunk.length;
      counts[RECORDS] = before;
      pageTimes[LAST] = ring.lastNs;
      decodePage(words, page, shape, pageTimes, counts, openRecord, chunk.times, chunk.words);
      chunk.length = counts[RECORDS]!;
      const events = counts[ENTERS]! + counts[EXITS]! + counts[SWITCHES]!;
      if (events > 0 && Number.isNaN(ring.firstNs)) ring.firstNs = chunk.times[before * TIMES + START]!;
      ring.enters += counts[ENTERS]!;
      ring.exits += counts[EXITS]!;
      ring.switches += counts[SWITCHES]!;
      ring.lastNs = pageTimes[LAST]!;
      tally.otherEvents = counts[OTHER]!;
      tally.brokenPages = counts[BROKEN]!;
      tally.backwards = counts[BACKWARDS]!;
    },
  };
}

function missedBefore(
  words: Uint32Array,
  page: number,
  layout: PageLayout,
  origin: Origin,
  ring: Ring,
): RingLoss {
  const commit = words[page + layout.commitWord]!;
  const end = page + layout.dataWord + ((commit & COMMIT_LENGTH) >>> 2);
  // The count follows the events where the page has room for it (ring_buffer_read_page).
  const isCounted = (commit & MISSED_STORED) !== 0 && end + 2 <= page + layout.pageBytes / 4;
  return {
    cpu: ring.cpu,
    timeNs: ring.lastNs === Number.NEGATIVE_INFINITY ? null : pageTime(words, page, origin),
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
  pageTimes: Float64Array,
  counts: Int32Array,
  openRecord: Int32Array,
  recordTimes: Float64Array,
  recordWords: Int32Array,
): void {
  const capacity = shape[CAPACITY]!;
  const length = (words[page + shape[COMMIT]!]! & COMMIT_LENGTH) >>> 2;
  let at = page + shape[DATA]!;
  const end = at + Math.min(length, capacity);
  if (length > capacity) counts[BROKEN]!++;
  const originLow = pageTimes[ORIGIN_LOW]!;
  const originHigh = pageTimes[ORIGIN_HIGH]!;
  let time = (words[page + 1]! - originHigh) * 2 ** 32 + (words[page]! - originLow);
  let last = pageTimes[LAST]!;
  let record = counts[RECORDS]!;
  let enters = 0;
  let exits = 0;
  let switches = 0;
  const enterType = shape[ENTER + EVENT_TYPE]!;
  const enterWords = shape[ENTER + EVENT_WORDS]!;
  const enterTid = shape[ENTER + EVENT_TID]!;
  const enterCall = shape[ENTER + CALL_NUMBER]!;
  const enterValue = shape[ENTER + CALL_VALUE]!;
  const exitType = shape[EXIT + EVENT_TYPE]!;
  const exitWords = shape[EXIT + EVENT_WORDS]!;
  const exitTid = shape[EXIT + EVENT_TID]!;
  const exitCall = shape[EXIT + CALL_NUMBER]!;
  const exitValue = shape[EXIT + CALL_VALUE]!;

  // The exported constants, folded.
  const padding: typeof PADDING = 29;
  const timeExtend: typeof TIME_EXTEND = 30;
  const timeStamp: typeof TIME_STAMP = 31;
  const timeShift: typeof TIME_SHIFT = 0x800_0000;
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
    } else if (type >= padding) {
      if (type === timeExtend) {
        time += words[at + 1]! * timeShift;
        at += 2;
      } else if (type === timeStamp) {
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
      const tid = words[payload + enterTid]! | 0;
      recordTimes[record * TIMES + START] = time;
      recordTimes[record * TIMES + END] = OPEN;
      recordWords[record * WORDS + TID] = tid;
      recordWords[record * WORDS + NUMBER] = callNumber(words[payload + enterCall]!);
      recordWords[record * WORDS + VALUE] = words[payload + enterValue]!;
      recordWords[record * WORDS + RESULT] = NO_RESULT;
      openRecord[tid & (REMEMBERED - 1)] = record;
      record++;
      enters++;
    } else if (eventType === exitType && size >= exitWords) {
      const tid = words[payload + exitTid]! | 0;
      const number = callNumber(words[payload + exitCall]!);
      const result = clamped(words[payload + exitValue]! | 0, words[payload + exitValue + 1]! | 0);
      const slot = tid & (REMEMBERED - 1);
      const open = openRecord[slot]!;
      if (open !== NONE && recordWords[open * WORDS + TID] === tid) {
        openRecord[slot] = NONE;
        if (recordWords[open * WORDS + NUMBER] === number) {
          recordTimes[open * TIMES + END] = time;
          recordWords[open * WORDS + RESULT] = result;
          exits++;
          at = next;
          continue;
        }
      }
      recordTimes[record * TIMES + START] = time;
      recordTimes[record * TIMES + END] = OPEN;
      recordWords[record * WORDS + TID] = tid;
      recordWords[record * WORDS + NUMBER] = ~number;
      recordWords[record * WORDS + RESULT] = result;
      record++;
      exits++;
    } else if (eventType === shape[SCHED + EVENT_TYPE] && size >= shape[SCHED + EVENT_WORDS]!) {
      const state = words[payload + shape[SCHED + PREVIOUS_STATE]!]! & SLEEPING_STATES;
      const mark = state === 0 ? RUNNABLE : (state & ENDED_STATES) !== 0 ? GONE : 0;
      recordTimes[record * TIMES + START] = time;
      recordWords[record * WORDS + TID] = words[payload + shape[SCHED + EVENT_TID]!]!;
      recordWords[record * WORDS + NUMBER] = SWITCH;
      recordWords[record * WORDS + VALUE] =
        (words[payload + shape[SCHED + NEXT_TID]!]! & ~(RUNNABLE | GONE)) | mark;
      record++;
      switches++;
    } else {
      counts[OTHER]!++;
    }
    at = next;
  }
  counts[RECORDS] = record;
  counts[ENTERS] = enters;
  counts[EXITS] = exits;
  counts[SWITCHES] = switches;
  pageTimes[LAST] = last;
}

/** Without the mark of x86_64's x32 interface, which shares the numbers. In integers: this is asked of every event. */
function callNumber(word: number): number {
  const number = word & 0xbfff_ffff;
  return number < 0 || number > NO_CALL_NUMBER ? NO_CALL_NUMBER : number;
}

/** A 64-bit result as 32 bits: what is smaller or greater keeps its sign. */
function clamped(low: number, high: number): number {
  if (high === 0) return low < 0 ? 0x7fff_ffff : low;
  if (high === -1 && low < 0 && low !== NO_RESULT) return low;
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

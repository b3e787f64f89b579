import type { PageLayout } from './page-layout.ts';
import { type CpuLog, eventChunk, NO_CALL_NUMBER, type RingLoss, switchChunk } from './ring-log.ts';

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

/** The least bytes an event of a page can take that is worth a row: its head and a payload of pid and id. */
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

export function decodePage(
  words: Uint32Array,
  page: number,
  layout: PageLayout,
  origin: Origin,
  log: CpuLog,
  tally: PageTally,
): void {
  const capacity = layout.pageBytes / 4 - layout.dataWord;
  const commit = words[page + layout.commitWord]!;
  const length = commit & COMMIT_LENGTH;
  let at = page + layout.dataWord;
  let end = at + (length >>> 2);
  if (length >>> 2 > capacity) {
    tally.brokenPages++;
    end = at + capacity;
  }
  let time = (words[page + 1]! - origin.high) * 2 ** 32 + (words[page]! - origin.low);
  if ((commit & MISSED_EVENTS) !== 0) {
    // The count follows the events where the page has room for it (ring_buffer_read_page).
    const stored = (commit & MISSED_STORED) !== 0 && end + 2 <= page + layout.pageBytes / 4;
    tally.losses.push({
      cpu: log.cpu,
      timeNs: log.lastNs === Number.NEGATIVE_INFINITY ? null : time,
      events: stored ? words[end]! + words[end + 1]! * 2 ** 32 : null,
    });
  }

  const chunk = eventChunk(log, Math.ceil(capacity / LEAST_EVENT_WORDS));
  const { timeNs, tid, call, value } = chunk;
  let row = chunk.length;
  let last = log.lastNs;
  let enters = 0;
  const { enter, exit, sched } = layout;
  const enterType = enter?.type ?? -1;
  const enterWords = enter?.words ?? 0;
  const enterTid = enter?.tid ?? 0;
  const enterCall = enter?.call ?? 0;
  const enterValue = enter?.value ?? 0;
  const exitType = exit?.type ?? -1;
  const exitWords = exit?.words ?? 0;
  const exitTid = exit?.tid ?? 0;
  const exitCall = exit?.call ?? 0;
  const exitValue = exit?.value ?? 0;

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
        time = absoluteTime(head >>> 5, words[at + 1]!, words[page + 1]!, origin);
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
      tally.brokenPages++;
      break;
    }
    if (time < last) {
      // The kernel's fast clock may step back by some nanoseconds (Documentation/core-api/timekeeping.rst).
      tally.backwards++;
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
    } else if (sched !== null && eventType === sched.type && size >= sched.words) {
      const switches = switchChunk(log, 1);
      const s = switches.length++;
      switches.timeNs[s] = time;
      switches.previousTid[s] = words[payload + sched.previousTid]!;
      switches.nextTid[s] = words[payload + sched.nextTid]!;
      switches.runnable[s] = (words[payload + sched.previousState]! & SLEEPING_STATES) === 0 ? 1 : 0;
    } else {
      tally.otherEvents++;
    }
    at = next;
  }
  log.enters += enters;
  log.exits += row - chunk.length - enters;
  chunk.length = row;
  if (last > log.lastNs) {
    if (Number.isNaN(log.firstNs)) {
      log.firstNs = (words[page + 1]! - origin.high) * 2 ** 32 + (words[page]! - origin.low);
    }
    log.lastNs = last;
  }
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
export function absoluteTime(low27: number, middle32: number, pageHigh: number, origin: Origin): number {
  const high = Math.floor(middle32 / 32) + (pageHigh & 0xf800_0000);
  const low = (middle32 % 32) * TIME_SHIFT + low27;
  return ((high >>> 0) - origin.high) * 2 ** 32 + (low - origin.low);
}

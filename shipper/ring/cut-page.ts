import type { PageLayout } from '../../trace/readers/trace-dat/page-layout.ts';
import {
  absoluteTime,
  COMMIT_LENGTH,
  MISSED_EVENTS,
  MISSED_STORED,
  type Origin,
  PADDING,
  pageTime,
  TIME_EXTEND,
  TIME_SHIFT,
  TIME_STAMP,
} from '../../trace/readers/trace-dat/ring-page.ts';
import { type CallPrivacy, KNOWN_CALL_NUMBERS, keptDescriptor, X32_BIT } from './privacy.ts';

/**
 * Makes one raw ring page fit to leave the node, in place: only the events from `fromNs` up to and including
 * `toNs` stay, and of these only numbers, times, ids, results and descriptors. It is an allow list: every word of
 * an event that is not known to be harmless becomes zero, the unused rest of the page too (it holds older events).
 *
 * Returns how many events stay.
 */
export function cutPage(
  words: Uint32Array,
  page: number,
  layout: PageLayout,
  privacy: CallPrivacy,
  origin: Origin,
  fromNs: number,
  toNs: number,
): number {
  const pageWords = layout.pageBytes / 4;
  const start = page + layout.dataWord;
  const limit = page + pageWords;
  const commit = words[page + layout.commitWord]!;
  const end = Math.min(start + ((commit & COMMIT_LENGTH) >>> 2), limit);
  const missed = (commit & MISSED_EVENTS) !== 0;
  const counted = missed && (commit & MISSED_STORED) !== 0 && end + 2 <= limit;
  const missedLow = counted ? words[end]! : 0;
  const missedHigh = counted ? words[end + 1]! : 0;

  let time = pageTime(words, page, origin);
  let at = start;
  let firstKept = -1;
  let firstTime = 0;
  let headCut = false;
  let keptEnd = start;
  let kept = 0;
  while (at < end) {
    const head = words[at]!;
    const type = head & 31;
    const delta = head >>> 5;
    let payload = at + 1;
    let size = type;
    const eventTime = time + delta;
    if (type === 0) {
      payload = at + 2;
      size = ((words[at + 1]! + 3) >>> 2) - 1;
    } else if (type === TIME_EXTEND) {
      time = eventTime + words[at + 1]! * TIME_SHIFT;
      at += 2;
      continue;
    } else if (type === TIME_STAMP) {
      time = absoluteTime(delta, words[at + 1]!, words[page + 1]!, origin.low, origin.high);
      at += 2;
      continue;
    } else if (type === PADDING) {
      if (delta === 0) break;
      size = ((words[at + 1]! + 3) >>> 2) - 1;
      payload = at + 2;
    }
    const next = payload + size;
    if (size < 0 || next > end) break;
    if (eventTime > toNs) break;
    time = eventTime;
    if (eventTime >= fromNs && type !== PADDING) {
      if (firstKept < 0) {
        firstKept = at;
        firstTime = eventTime;
      }
      kept++;
      keptEnd = next;
    } else if (eventTime < fromNs) {
      headCut = true;
    }
    if (type === PADDING) words.fill(0, payload, next);
    else scrubEvent(words, payload, size, layout, privacy);
    at = next;
  }

  if (kept === 0) {
    words.fill(0, page + layout.commitWord, limit);
    return 0;
  }
  const length = keptEnd - firstKept;
  if (firstKept > start) {
    words.copyWithin(start, firstKept, keptEnd);
    // The page's own stamp becomes the first event's time, which then has no distance to it.
    words[start] = words[start]! & 31;
    stamp(words, page, origin, firstTime);
  }
  words.fill(0, start + length, limit);
  // What is missing before a page whose head was cut off lies before the window.
  const stillMissed = missed && !headCut;
  const stillCounted = stillMissed && counted && start + length + 2 <= limit;
  words[page + layout.commitWord] =
    length * 4 + (stillMissed ? MISSED_EVENTS : 0) + (stillCounted ? MISSED_STORED : 0);
  words[page + layout.commitWord + 1] = 0;
  if (stillCounted) {
    words[start + length] = missedLow;
    words[start + length + 1] = missedHigh;
  }
  return kept;
}

function stamp(words: Uint32Array, page: number, origin: Origin, timeNs: number): void {
  const low = origin.low + timeNs;
  const carry = Math.floor(low / 2 ** 32);
  words[page] = low - carry * 2 ** 32;
  words[page + 1] = origin.high + carry;
}

/** Words of every event that stay: type, flags and preemption count, and the thread's id. */
const COMMON_WORDS = 2;

function scrubEvent(
  words: Uint32Array,
  payload: number,
  size: number,
  layout: PageLayout,
  privacy: CallPrivacy,
): void {
  const { enter, exit, sched } = layout;
  const type = words[payload]! & 0xffff;
  const end = payload + size;
  if (enter !== null && type === enter.type && size >= enter.words) {
    const number = keptNumber(words[payload + enter.call]!);
    const value = words[payload + enter.value]!;
    words.fill(0, payload + COMMON_WORDS, end);
    words[payload + enter.call] = number;
    words[payload + enter.call + 1] = number === NO_NUMBER ? NO_NUMBER : 0;
    if (privacy.keepsDescriptor[number & ~X32_BIT] === 1) {
      words[payload + enter.value] = keptDescriptor(value);
    }
  } else if (exit !== null && type === exit.type && size >= exit.words) {
    const number = keptNumber(words[payload + exit.call]!);
    const low = words[payload + exit.value]!;
    const high = words[payload + exit.value + 1]!;
    words.fill(0, payload + COMMON_WORDS, end);
    words[payload + exit.call] = number;
    words[payload + exit.call + 1] = number === NO_NUMBER ? NO_NUMBER : 0;
    if (isError(low, high)) {
      words[payload + exit.value] = low;
      words[payload + exit.value + 1] = high;
    } else if (high !== 0 || low > (privacy.greatestResult[number & ~X32_BIT] ?? 0)) {
      words[payload + exit.value] = 1;
    } else {
      words[payload + exit.value] = low;
    }
  } else if (sched !== null && type === sched.type && size >= sched.words) {
    const previous = words[payload + sched.previousTid]!;
    const state = words[payload + sched.previousState]!;
    const next = words[payload + sched.nextTid]!;
    words.fill(0, payload + COMMON_WORDS, end);
    words[payload + sched.previousTid] = previous;
    words[payload + sched.previousState] = state;
    words[payload + sched.nextTid] = next;
  } else if (size > COMMON_WORDS) {
    words.fill(0, payload + COMMON_WORDS, end);
  }
}

const NO_NUMBER = 0xffff_ffff;

/** A number that no table knows is whatever the program had in its register. */
function keptNumber(number: number): number {
  return (number & ~X32_BIT) >>> 0 < KNOWN_CALL_NUMBERS ? number : NO_NUMBER;
}

/** -4095 to -1: an error number (MAX_ERRNO, include/linux/err.h). */
function isError(low: number, high: number): boolean {
  return high === 0xffff_ffff && low >= 0xffff_f001;
}

import type { SkipTable } from '../skip-table.ts';
import type { StraceStamp } from './strace-line.ts';
import { CLOCK_BACK, DAY_CLOCK } from './strace-skips.ts';

/** Turns the stamps of a text's lines, in their order, into nanoseconds from one moment. */
export interface LineTimes {
  timeOf(stamp: StraceStamp, at: number): number;
  /** Something went on until then, though no line begins there. */
  lasts(untilNs: number): void;
  /** Where zero lies in the text's own clock. */
  zeroSeconds(): number;
  /** The first and the last time; 0 before any. */
  firstNs(): number;
  lastNs(): number;
}

const DAY_SECONDS = 86_400;

export function createLineTimes(skips: SkipTable): LineTimes {
  let zeroSeconds = -1;
  let firstNs = Number.POSITIVE_INFINITY;
  let lastNs = 0;
  let previousNs = Number.NEGATIVE_INFINITY;
  /** Days passed since the first line of a -tt text. */
  let days = 0;

  const nanosecondsOf = ({ clock, seconds, fractionNs }: StraceStamp): number => {
    if (clock === 'relative') {
      if (zeroSeconds < 0) zeroSeconds = 0;
      const before = previousNs === Number.NEGATIVE_INFINITY ? 0 : previousNs;
      return before + seconds * 1e9 + fractionNs;
    }
    if (zeroSeconds < 0) zeroSeconds = seconds;
    const timeNs = (seconds - zeroSeconds + days * DAY_SECONDS) * 1e9 + fractionNs;
    // A time of day that falls back by more than half a day has passed midnight.
    if (clock !== 'day' || timeNs >= previousNs - (DAY_SECONDS / 2) * 1e9) return timeNs;
    days++;
    return timeNs + DAY_SECONDS * 1e9;
  };

  return {
    timeOf(stamp, at) {
      const timeNs = nanosecondsOf(stamp);
      if (stamp.clock === 'day') skips.add(DAY_CLOCK, at);
      if (timeNs < previousNs) skips.add(CLOCK_BACK, at);
      previousNs = timeNs;
      if (timeNs < firstNs) firstNs = timeNs;
      if (timeNs > lastNs) lastNs = timeNs;
      return timeNs;
    },
    lasts(untilNs) {
      if (untilNs > lastNs) lastNs = untilNs;
    },
    zeroSeconds: () => Math.max(0, zeroSeconds),
    firstNs: () => (Number.isFinite(firstNs) ? firstNs : 0),
    lastNs: () => lastNs,
  };
}

/**
 * The ring counts CLOCK_MONOTONIC (trace_clock mono), alarms come with the time of day. Both are read together, so
 * that one can be turned into the other, and nodes can be lined up.
 */
export interface ClockPair {
  readonly monotonicSeconds: number;
  readonly realtimeSeconds: number;
}

export function monotonicSeconds(): number {
  return Number(process.hrtime.bigint()) / 1e9;
}

/** Date.now() has milliseconds; the moment it ticks, it is exact. Waiting for the tick takes at most one. */
export function readClockPair(): ClockPair {
  const before = Date.now();
  let realtime = before;
  while (realtime === before) realtime = Date.now();
  return { monotonicSeconds: monotonicSeconds(), realtimeSeconds: realtime / 1000 };
}

/** Time of day minus monotonic time: constant until somebody sets the clock. */
export function clockOffset(pair: ClockPair): number {
  return pair.realtimeSeconds - pair.monotonicSeconds;
}

/** The offset to a millisecond or two, without waiting for the tick: enough to see that somebody set the clock. */
export function roughClockOffset(): number {
  return Date.now() / 1000 - monotonicSeconds();
}

/** An offset that moved by less is slewing (adjtimex(2) slews up to 0.5 s instead of stepping), not a step. */
export const STEP_SECONDS = 0.5;

/** Offsets without those that are the same but for slewing; the newest of each kind stays, newest last. */
function distinctOffsets(offsets: readonly number[]): number[] {
  return offsets.filter((offset, i) =>
    offsets.slice(i + 1).every((later) => Math.abs(later - offset) > STEP_SECONDS),
  );
}

export interface WantedWindow {
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly warnings: readonly string[];
}

/** The paper's window (SoCC 2014, section 2): what is shipped of the time before the alarm. */
export const WINDOW_SECONDS = 90;

/** However far the clock stepped, no more than this is shipped: what the ring is sized to hold. */
export const GREATEST_WINDOW_SECONDS = 300;

/**
 * The window in monotonic time: `windowSeconds` before the alarm. Where the clock was set since recording began,
 * nobody can say by which of its readings the alarm was raised: the window then spans all of them.
 *
 * @param alarmAt time of day in seconds, or null for now
 * @param earlierOffsets clock offsets seen since recording began, oldest first
 */
export function windowBefore(
  alarmAt: number | null,
  windowSeconds: number,
  now: ClockPair,
  earlierOffsets: readonly number[],
): WantedWindow {
  const warnings: string[] = [];
  const nowSeconds = now.monotonicSeconds;
  if (alarmAt === null) {
    return { fromSeconds: nowSeconds - windowSeconds, toSeconds: nowSeconds, warnings };
  }
  const offsets = distinctOffsets([...earlierOffsets, clockOffset(now)]);
  const ends = offsets.map((offset) => alarmAt - offset);
  const past = ends.filter((end) => end <= nowSeconds + STEP_SECONDS).map((end) => Math.min(end, nowSeconds));
  if (past.length === 0) {
    warnings.push(
      `the alarm's time lies ${(Math.min(...ends) - nowSeconds).toFixed(1)} s ahead of this node's clock: the window ends now instead; check the node's time synchronisation`,
    );
    return { fromSeconds: nowSeconds - windowSeconds, toSeconds: nowSeconds, warnings };
  }
  const toSeconds = Math.max(...past);
  const fromSeconds = Math.max(Math.min(...past) - windowSeconds, toSeconds - GREATEST_WINDOW_SECONDS);
  if (offsets.length > 1) {
    const step = clockOffset(now) - earlierOffsets[0]!;
    warnings.push(
      `this node's clock was set by ${step.toFixed(1)} s since recording began: the window spans the alarm's time by both readings`,
    );
  }
  return { fromSeconds, toSeconds, warnings };
}

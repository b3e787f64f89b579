import { describe, expect, it } from 'vitest';
import { clockOffset, GREATEST_WINDOW_SECONDS, readClockPair, windowBefore } from '../../shipper/clock.ts';

const now = { monotonicSeconds: 5_000, realtimeSeconds: 1_700_000_000 };
const steady = [clockOffset(now)];

describe('the window before an alarm', () => {
  it('ends at the alarm by the time of day, whenever the trace is cut', () => {
    expect(windowBefore(now.realtimeSeconds - 60, 90, now, steady)).toEqual({
      fromSeconds: 4_850,
      toSeconds: 4_940,
      warnings: [],
    });
  });

  it('ends now where no alarm time is given', () => {
    expect(windowBefore(null, 90, now, steady)).toMatchObject({ fromSeconds: 4_910, toSeconds: 5_000 });
  });

  it('ends now, with a warning, where the alarm lies ahead of this clock', () => {
    const window = windowBefore(now.realtimeSeconds + 30, 90, now, steady);
    expect(window).toMatchObject({ fromSeconds: 4_910, toSeconds: 5_000 });
    expect(window.warnings).toMatchObject([expect.stringContaining('30.0 s ahead')]);
  });

  it.each([
    ['forwards', -20, 4_850, 4_960],
    ['backwards', 20, 4_830, 4_940],
  ])('spans both readings of a clock that was set %s after recording began', (_, step, from, to) => {
    const window = windowBefore(now.realtimeSeconds - 60, 90, now, [clockOffset(now) + step]);
    expect(window).toMatchObject({ fromSeconds: from, toSeconds: to });
    expect(window.warnings).toMatchObject([expect.stringContaining('was set by')]);
  });

  it('takes no more than the ring is made for, however far the clock was set', () => {
    const window = windowBefore(now.realtimeSeconds - 60, 90, now, [clockOffset(now) + 4_000]);
    expect(window.toSeconds - window.fromSeconds).toBe(GREATEST_WINDOW_SECONDS);
  });

  it('does not take slewing for a step', () => {
    expect(windowBefore(now.realtimeSeconds, 90, now, [clockOffset(now) - 0.4]).warnings).toEqual([]);
  });
});

describe('a clock pair', () => {
  it('reads both clocks within a few milliseconds of each other', () => {
    const [first, second] = [readClockPair(), readClockPair()];
    expect(Math.abs(clockOffset(second) - clockOffset(first))).toBeLessThan(0.02);
  });
});

import { describe, expect, it } from 'vitest';
import { alarmSeconds } from '../../shipper/alarm-time.ts';
import { ShipperError } from '../../shipper/errors.ts';

const MOMENT = Date.UTC(2026, 10, 23, 3, 15, 42) / 1000;

describe('an alarm’s time', () => {
  it.each([
    '2026-11-23T03:15:42Z',
    '2026-11-23T03:15:42.000+0000',
    '2026-11-23T03:15:42.000Z',
    '2026-11-23T04:15:42+01:00',
    '2026-11-22T22:15:42-0500',
  ])('is read as CloudWatch, SSM and date write it: %s', (text) => {
    expect(alarmSeconds(text)).toBe(MOMENT);
  });

  it('keeps parts of a second, and may leave out seconds', () => {
    expect(alarmSeconds('2026-11-23T03:15:42.490+0000')).toBeCloseTo(MOMENT + 0.49, 6);
    expect(alarmSeconds('2026-11-23T03:15Z')).toBe(MOMENT - 42);
  });

  it.each(['', '5', 'yesterday', '2026-11-23', '2026-11-23T03:15:42', '2026-13-23T03:15:42Z', '1795529566'])(
    'is refused where it would have to be guessed: %j',
    (text) => {
      expect(() => alarmSeconds(text)).toThrow(ShipperError);
    },
  );
});

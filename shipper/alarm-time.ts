import { ShipperError } from './errors.ts';

/**
 * A whole date and time with its zone, as CloudWatch (`2026-11-23T03:15:42.490+0000`) and `date -Is` write it. What
 * Date.parse takes beyond that it guesses: "5" is May 2001, and a time without a zone is this machine's.
 */
const ALARM_TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)$/;

/** Seconds since 1970. */
export function alarmSeconds(at: string): number {
  const [, time, zone = ''] = ALARM_TIME.exec(at) ?? [];
  const milliseconds = Date.parse(`${time}${zone.replace(/^(...)(\d\d)$/, '$1:$2')}`);
  if (Number.isNaN(milliseconds)) {
    throw new ShipperError(
      `expected a date and time with its zone, such as 2026-11-23T03:15:42Z, found ${JSON.stringify(at)}`,
    );
  }
  return milliseconds / 1000;
}

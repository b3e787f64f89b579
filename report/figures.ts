/** Numbers as people read them: three significant digits at most, with their unit after a space that does not break. */

const NBSP = '\u00a0';

export function seconds(value: number): string {
  if (value >= 120) return `${Math.floor(value / 60)}${NBSP}min${NBSP}${Math.round(value % 60)}${NBSP}s`;
  if (value >= 1) return `${significant(value)}${NBSP}s`;
  if (value >= 1e-3) return `${significant(value * 1e3)}${NBSP}ms`;
  if (value > 0) return `${significant(value * 1e6)}${NBSP}µs`;
  return `0${NBSP}s`;
}

export function ratio(value: number): string {
  return Number.isFinite(value) ? `${significant(value)}×` : '∞×';
}

/** A ratio in words that it reaches or passes: rounded down, `41`. */
export function atLeast(value: number): string {
  return Number.isFinite(value) ? count(Math.floor(value)) : 'countless';
}

export function rate(perSecond: number): string {
  return `${significant(perSecond)}/s`;
}

export function percent(share: number): string {
  return `${significant(share * 100)}${NBSP}%`;
}

export function count(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** 1,234 / 41.7 / 0.012 */
export function significant(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Math.abs(value) >= 100) return count(value);
  return String(Number(value.toPrecision(Math.abs(value) >= 10 ? 3 : 2)));
}

/** `2026-11-23 02:10:55 UTC` */
export function utc(unixSeconds: number): string {
  return `${new Date(unixSeconds * 1000).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

export function plural(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

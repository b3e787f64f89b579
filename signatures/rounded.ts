/** Six significant digits: enough for rates, times and shares, and the same text on every machine. */
export function rounded(value: number): number {
  return Number(value.toPrecision(6));
}

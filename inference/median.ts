/** The upper median; null of nothing. The values stay in their order. */
export function median(values: readonly number[]): number | null {
  return Float64Array.from(values).sort()[values.length >> 1] ?? null;
}

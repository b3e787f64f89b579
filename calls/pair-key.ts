/** Two numbers below 2^24 as one: a key that a Map compares by value, exact in a float64 (below 2^53). */
const RADIX = 2 ** 24;

export function pairKey(first: number, second: number): number {
  return first * RADIX + second;
}

/** The two numbers of a key. */
export function pairOf(key: number): [first: number, second: number] {
  return [Math.floor(key / RADIX), key % RADIX];
}

/** Numbers things in the order in which they are first asked for. */
export interface Numbering<T> {
  /** What each number stands for. */
  readonly values: readonly T[];
  of(value: T): number;
}

export function numbering<T>(): Numbering<T> {
  const values: T[] = [];
  const numbers = new Map<T, number>();
  return {
    values,
    of(value) {
      let number = numbers.get(value);
      if (number === undefined) {
        number = values.push(value) - 1;
        numbers.set(value, number);
      }
      return number;
    },
  };
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { numbering } from '../../calls/numbering.ts';

describe('numbering', () => {
  it('numbers values in the order in which they are first asked for, and each once', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', 'c', '__proto__')), (asked) => {
        const numbers = numbering<string>();
        const distinct = [...new Set(asked)];
        expect(asked.map((value) => numbers.of(value))).toEqual(
          asked.map((value) => distinct.indexOf(value)),
        );
        expect(numbers.values).toEqual(distinct);
      }),
    );
  });
});

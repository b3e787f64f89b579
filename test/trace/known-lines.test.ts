import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKnownLines } from '../../trace/readers/known-lines.ts';

const BEYOND = -7;

/** Known lines that mean numbers in the order of their first appearance, and how often one was parsed. */
function numbered(mostBytes: number) {
  let parsed = 0;
  const lines = createKnownLines(
    mostBytes,
    () => parsed++,
    () => BEYOND,
  );
  const meaning = (text: string) => {
    const bytes = Buffer.from(`<${text}>`);
    return lines.meaning(bytes, 1, bytes.length - 1);
  };
  return { meaning, parsed: () => parsed };
}

describe('known lines', () => {
  it('mean what they meant at first, and each other line something else', () => {
    // Of few letters and lengths, so that many are nearly the same; more lines than there are slots at first.
    const line = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 13 });
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 4_000, size: 'max' }), (list) => {
        const { meaning, parsed } = numbered(1_000_000);
        const expected = new Map<string, number>();
        for (const text of list) {
          if (!expected.has(text)) expected.set(text, expected.size);
          expect(meaning(text)).toBe(expected.get(text));
        }
        expect(parsed()).toBe(expected.size);
      }),
      { numRuns: 20 },
    );
  });

  it('are kept up to the limit, and beyond it those that are known still are', () => {
    const { meaning, parsed } = numbered(10);
    expect(meaning('12345')).toBe(0);
    expect(meaning('67890')).toBe(1);
    expect(meaning('x')).toBe(BEYOND);
    expect(meaning('12345')).toBe(0);
    expect(parsed()).toBe(2);
  });
});

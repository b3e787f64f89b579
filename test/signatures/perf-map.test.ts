import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keepNewestEntries } from '../../signatures/perf-map.ts';

/** The name that the newest entry covering each address gives it, found the slow way. */
function namesByAddress(entries: readonly (readonly [start: number, size: number, name: string])[]) {
  const names = new Map<number, string>();
  for (const [start, size, name] of entries) {
    for (let address = start; address < start + size; address++) names.set(address, name);
  }
  return names;
}

function parse(text: string): [number, number, string][] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [start = '', size = '', ...name] = line.split(' ');
      return [Number.parseInt(start, 16), Number.parseInt(size, 16), name.join(' ')];
    });
}

describe('keepNewestEntries', () => {
  it('names reused addresses by the entry that was written last', () => {
    const newest = keepNewestEntries('1000 40 JS:~old a.js:1:1\n1000 40 JS:*new b.js:2:2\n');
    expect(newest.text).toBe('1000 40 JS:*new b.js:2:2\n');
    expect(newest).toMatchObject({ entries: 2, replaced: 1, trimmed: 0, skippedLines: 0 });
  });

  it('keeps what is left of older code around newer code', () => {
    const newest = keepNewestEntries('1000 100 outer\n1040 20 inner\n');
    expect(newest.text).toBe('1000 40 outer\n1040 20 inner\n1060 a0 outer\n');
    expect(newest).toMatchObject({ replaced: 0, trimmed: 1 });
  });

  it('leaves neighbours that only touch alone, in the order of their addresses', () => {
    expect(keepNewestEntries('2000 10 b\n1ff0 10 a\n').text).toBe('1ff0 10 a\n2000 10 b\n');
  });

  it('counts a last line cut short, empty code and text that is no entry, and reads the rest', () => {
    const newest = keepNewestEntries('1000 10 JS:~f file.js:1:1\n1010 0 empty\nno entry\n10');
    expect(newest.text).toBe('1000 10 JS:~f file.js:1:1\n');
    expect(newest.skippedLines).toBe(3);
  });

  it('reads names with blanks and numbers with 0x, as other runtimes write them', () => {
    const line = '0x7f66900164f8 0x20 void org.eclipse.jetty.io.Fill::run(int, long)';
    expect(keepNewestEntries(line).text).toBe(
      '7f66900164f8 20 void org.eclipse.jetty.io.Fill::run(int, long)\n',
    );
  });

  it('agrees, address by address, with painting the entries over each other in file order', () => {
    const entry = fc.tuple(
      fc.nat(200),
      fc.integer({ min: 1, max: 60 }),
      fc.constantFrom('f', 'g', 'h', 'f g'),
    );
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 40 }), (entries) => {
        const map = entries.map(
          ([start, size, name]) => `${start.toString(16)} ${size.toString(16)} ${name}\n`,
        );
        const pieces = parse(keepNewestEntries(map.join('')).text);
        expect(namesByAddress(pieces)).toEqual(
          new Map([...namesByAddress(entries)].sort(([left], [right]) => left - right)),
        );
        const ends = pieces.map(([start, size]) => start + size);
        expect(pieces.every(([start], index) => index === 0 || start >= (ends[index - 1] ?? 0))).toBe(true);
      }),
    );
  });
});

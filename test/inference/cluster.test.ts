import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Clusters, clusterUnits, distance, MAX_CLUSTERED_VECTORS } from '../../inference/cluster.ts';
import type { Units } from '../../inference/units.ts';

/** Units that hold one call of each of their symbols. */
function unitsOf(vectors: readonly (readonly number[])[]): Units {
  const symbols = vectors.flat();
  const to: number[] = [];
  for (const vector of vectors) to.push((to.at(-1) ?? 0) + vector.length);
  return {
    length: vectors.length,
    rows: Uint32Array.from(symbols, (_, row) => row),
    from: Uint32Array.from(to, (end, unit) => end - (vectors[unit]?.length ?? 0)),
    to: Uint32Array.from(to),
    thread: new Uint32Array(vectors.length),
    startNs: new Float64Array(vectors.length),
    durationNs: new Float64Array(vectors.length),
  };
}

function cluster(vectors: readonly (readonly number[])[]): Clusters {
  const most = vectors.flat().reduce((a, b) => Math.max(a, b), 0);
  const symbols = Array.from({ length: most + 1 }, (_, i) => `call_${i}`);
  return clusterUnits(unitsOf(vectors), { ids: Uint16Array.from(vectors.flat()), symbols });
}

function euclidean(a: readonly number[], b: readonly number[]): number {
  const [left, right] = [new Set(a), new Set(b)];
  return Math.sqrt([...left, ...right].filter((symbol) => !left.has(symbol) || !right.has(symbol)).length);
}

const vector = fc.uniqueArray(fc.nat(5), { minLength: 1, maxLength: 5 });

describe('distance', () => {
  it('is the Euclidean distance of appearance vectors', () => {
    fc.assert(
      fc.property(vector, vector, (a, b) => {
        const sorted = (symbols: number[]) => symbols.toSorted((x, y) => x - y);
        expect(distance(sorted(a), sorted(b))).toBe(euclidean(a, b));
      }),
    );
  });
});

describe('clusterUnits', () => {
  it('puts units that show the same calls into one cluster, whatever their order and number', () => {
    const { of } = cluster([
      [1, 2, 3],
      [3, 2, 1],
      [2, 1, 3, 3, 1],
      [7, 8, 9],
    ]);
    expect(of[0]).toBe(of[1]);
    expect(of[0]).toBe(of[2]);
    expect(of[3]).not.toBe(of[0]);
  });

  it('is a complete-linkage clustering: members differ in two calls at most, and no two clusters could be one', () => {
    fc.assert(
      fc.property(fc.array(vector, { minLength: 1, maxLength: 12 }), (vectors) => {
        const { of } = cluster(vectors);
        const members = Map.groupBy(vectors.keys(), (unit) => of[unit] as number);
        const diameter = (units: readonly number[]) =>
          Math.max(
            ...units.flatMap((a) =>
              units.map((b) => euclidean(vectors[a] as number[], vectors[b] as number[])),
            ),
          );
        const groups = [...members.values()];
        for (const [i, group] of groups.entries()) {
          expect(diameter(group)).toBeLessThanOrEqual(Math.SQRT2);
          for (const other of groups.slice(i + 1)) {
            expect(diameter([...group, ...other])).toBeGreaterThan(Math.SQRT2);
          }
        }
      }),
    );
  });

  it('names the symbols that at least half of a cluster’s units show', () => {
    const { of, symbols } = cluster([
      [1, 2],
      [1, 2],
      [1, 2, 3],
      [1, 2, 3],
      [1, 2, 4],
    ]);
    expect(new Set(of).size).toBe(1);
    expect(symbols[of[0] as number]).toEqual([1, 2]);
    expect(
      cluster([
        [1, 2],
        [1, 2, 3],
      ]).symbols,
    ).toEqual([[1, 2, 3]]);
  });

  it('gives the same clusters for the same units', () => {
    fc.assert(
      fc.property(fc.array(vector, { maxLength: 20 }), (vectors) => {
        expect(cluster(vectors)).toEqual(cluster(vectors));
      }),
    );
  });

  it('takes more distinct vectors than it clusters: the rare ones join their nearest', () => {
    const pair = (i: number) => [2 * i, 2 * i + 1, 5_000 + i];
    const frequent = Array.from({ length: MAX_CLUSTERED_VECTORS }, (_, i) => [pair(i), pair(i)]).flat();
    const at = cluster(frequent);
    expect(at.symbols.length).toBe(MAX_CLUSTERED_VECTORS);
    const rare = [14, 15, 9_000, 9_001, 9_002];
    const over = cluster([...frequent, rare]);
    expect(over.symbols.length).toBe(MAX_CLUSTERED_VECTORS);
    expect(over.of.at(-1)).toBe(over.of[14]);
  });

  it('gives no clusters for no units', () => {
    expect(cluster([])).toEqual({ of: new Uint32Array(0), symbols: [] });
  });
});

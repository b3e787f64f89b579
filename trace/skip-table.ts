import type { Skip, SkipSeverity } from './trace.ts';

/** One kind of skipped input: what it is, how bad, and what the user can do. */
export interface SkipKind {
  readonly reason: string;
  readonly severity: SkipSeverity;
  readonly remedy: string;
}

/** Counts everything that a reader did not turn into a call (after Perfetto's stats table). */
export interface SkipTable {
  /** Counts `count` pieces of input; `at` is the 1-based line, or the byte offset for binary formats. */
  add(kind: SkipKind, at: number | null, count?: number): void;
  /** The table in order of first appearance. */
  rows(): Skip[];
}

export function createSkipTable(): SkipTable {
  const rows = new Map<SkipKind, { count: number; readonly firstAt: number | null }>();
  return {
    add(kind, at, count = 1) {
      const row = rows.get(kind);
      if (row === undefined) rows.set(kind, { count, firstAt: at });
      else row.count += count;
    },
    rows: () => [...rows].map(([kind, { count, firstAt }]) => ({ ...kind, count, firstAt })),
  };
}

import type { CallTree } from './call-tree.ts';

/**
 * A function's invocations in one profile, identical call sequences counted once (weight = how many).
 * Keys are strings of symbol ids, one UTF-16 unit a call (see `sequenceSymbols`).
 */
export interface Invocations {
  /** Distinct sequences with their weights. */
  readonly sequences: Map<string, number>;
  count: number;
  /** Invocations that made exactly one call: a function with only such is a wrapper. */
  single: number;
  calls: number;
}

/** Longer invocations are loops that never return (main, a thread's body): counted, never mined. */
export const MAX_INVOCATION_CALLS = 512;
/** Distinct sequences kept per function and profile; the rest is counted, never mined. */
export const MAX_DISTINCT_SEQUENCES = 2_000;

export function sequenceSymbols(key: string): number[] {
  const symbols: number[] = [];
  for (let i = 0; i < key.length; i++) symbols.push(key.charCodeAt(i));
  return symbols;
}

/**
 * Rebuilds each function's invocations from successive stacks of one thread (PerfScope, section 2.2): a frame that
 * stays at the same depth under the same callers continues its invocation; the calls made under it, its callees'
 * too, are the invocation's sequence.
 *
 * @param threadRows rows of each thread's calls, in order
 * @param contexts context per call (call-tree.ts)
 * @param symbols symbol id per call
 * @returns per function (index into `tree.functions`)
 */
export function functionInvocations(
  threadRows: readonly Uint32Array[],
  tree: Pick<CallTree, 'parent' | 'functionOf'>,
  contexts: Int32Array,
  symbols: Uint16Array,
): Map<number, Invocations> {
  const found = new Map<number, Invocations>();
  for (const rows of threadRows) {
    const text = threadText(rows, symbols);
    let open: { context: number; from: number }[] = [];
    const close = (invocation: { context: number; from: number }, to: number) => {
      const fn = tree.functionOf[invocation.context] as number;
      let entry = found.get(fn);
      if (entry === undefined) {
        entry = { sequences: new Map(), count: 0, single: 0, calls: 0 };
        found.set(fn, entry);
      }
      const calls = to - invocation.from;
      entry.count++;
      entry.calls += calls;
      if (calls === 1) entry.single++;
      if (calls > MAX_INVOCATION_CALLS) return;
      const key = text.slice(invocation.from, to);
      const weight = entry.sequences.get(key);
      if (weight !== undefined) entry.sequences.set(key, weight + 1);
      else if (entry.sequences.size < MAX_DISTINCT_SEQUENCES) entry.sequences.set(key, 1);
    };
    const path: number[] = [];
    for (let i = 0; i < rows.length; i++) {
      path.length = 0;
      for (let at = contexts[rows[i] as number] as number; at > 0; at = tree.parent[at] as number)
        path.push(at);
      path.reverse();
      let common = 0;
      while (common < open.length && common < path.length && open[common]?.context === path[common]) common++;
      for (let d = open.length - 1; d >= common; d--) close(open[d] as { context: number; from: number }, i);
      open = open.slice(0, common);
      for (let d = common; d < path.length; d++) open.push({ context: path[d] as number, from: i });
    }
    for (const invocation of open) close(invocation, rows.length);
  }
  return found;
}

function threadText(rows: Uint32Array, symbols: Uint16Array): string {
  const parts: string[] = [];
  const block = 4096;
  for (let from = 0; from < rows.length; from += block) {
    const codes = Array.from(rows.subarray(from, from + block), (row) => symbols[row] as number);
    parts.push(String.fromCharCode(...codes));
  }
  return parts.join('');
}

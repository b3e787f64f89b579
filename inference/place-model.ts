import type { Normal } from '../signatures/normal.ts';

/**
 * How likely a step from one state to another is by the shape of the call tree alone, for steps that no profile shows:
 * the thread returns to a function that both share, calls one of that function's callees, and makes one of the calls
 * seen under it. All three from counts, smoothed.
 */
export interface PlaceModel {
  /** 0…1. */
  probability(from: number, to: number): number;
}

/** Each possible return level and each callee is given this many further occurrences (additive smoothing). */
const PRIOR = 0.5;

export function placeModel(normal: Normal): PlaceModel {
  const { states } = normal;
  const { length: contexts, parent, depth } = normal.contexts;
  const contextOf = states.context;
  /** Calls made in a context's subtree, and in the context itself. */
  const subtree = new Float64Array(contexts);
  const direct = new Float64Array(contexts);
  for (let state = 0; state < states.length; state++)
    direct[contextOf[state] as number]! += states.calls[state] as number;
  for (let context = contexts - 1; context >= 0; context--) {
    subtree[context]! += direct[context] as number;
    if (context > 0) subtree[parent[context] as number]! += subtree[context] as number;
  }
  const callees = new Float64Array(contexts);
  for (let context = 1; context < contexts; context++) callees[parent[context] as number]!++;

  const shared = (a: number, b: number): number => {
    let left = a;
    let right = b;
    while (left !== right) {
      if ((depth[left] as number) >= (depth[right] as number)) left = parent[left] as number;
      else right = parent[right] as number;
    }
    return left;
  };
  /** Where `context` is entered from its ancestor: the ancestor's callee on the way, or the ancestor itself. */
  const calleeTowards = (ancestor: number, context: number): number => {
    let at = context;
    while (at !== ancestor && parent[at] !== ancestor) at = parent[at] as number;
    return at;
  };
  const returns = new Map<number, number>();
  const returnsFrom = new Float64Array(contexts);
  const entries = new Map<number, number>();
  const entriesInto = new Float64Array(contexts);
  const add = (map: Map<number, number>, key: number, count: number) =>
    map.set(key, (map.get(key) ?? 0) + count);
  for (let from = 0; from < states.length; from++) {
    const a = contextOf[from] as number;
    for (const { to, count } of normal.stepsFrom(from)) {
      const b = contextOf[to] as number;
      const common = shared(a, b);
      add(returns, a * contexts + common, count);
      returnsFrom[a]! += count;
      add(entries, common * contexts + calleeTowards(common, b), count);
      entriesInto[common]! += count;
    }
  }
  return {
    probability(from, to) {
      const a = contextOf[from] as number;
      const b = contextOf[to] as number;
      const common = shared(a, b);
      const callee = calleeTowards(common, b);
      const levels = (depth[a] as number) + 1;
      const back =
        ((returns.get(a * contexts + common) ?? 0) + PRIOR) / ((returnsFrom[a] as number) + PRIOR * levels);
      const enter =
        ((entries.get(common * contexts + callee) ?? 0) + PRIOR) /
        ((entriesInto[common] as number) + PRIOR * ((callees[common] as number) + 1));
      const under = callee === common ? (direct[common] as number) : (subtree[callee] as number);
      return back * enter * (under > 0 ? (states.calls[to] as number) / under : 0);
    },
  };
}

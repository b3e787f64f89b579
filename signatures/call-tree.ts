import { NO_STACK, type Trace } from '../trace/trace.ts';
import type { FrameClassifier, UserFunction } from './user-functions.ts';

/**
 * The calling context tree of user-defined functions (Ammons, Ball, Larus, PLDI 1997). Context 0 is the root: no user
 * function on the stack. Every other context is one function called from its parent context; direct recursion is
 * folded into one context.
 */
export interface CallTree {
  readonly functions: readonly UserFunction[];
  /** Parent context; -1 for the root. */
  readonly parent: readonly number[];
  /** Index into `functions`; -1 for the root. */
  readonly functionOf: readonly number[];
  readonly depth: readonly number[];
}

export const ROOT_CONTEXT = 0;

export interface GrowingCallTree extends CallTree {
  child(context: number, fn: number): number;
  internFunction(fn: UserFunction): number;
}

export function growingCallTree(): GrowingCallTree {
  const functions: UserFunction[] = [];
  const functionIds = new Map<string, number>();
  const parent: number[] = [-1];
  const functionOf: number[] = [-1];
  const depth: number[] = [0];
  const children: Map<number, number>[] = [new Map()];
  return {
    functions,
    parent,
    functionOf,
    depth,
    internFunction(fn) {
      const key = `${fn.name}\0${fn.object}`;
      let id = functionIds.get(key);
      if (id === undefined) {
        id = functions.length;
        functions.push(fn);
        functionIds.set(key, id);
      }
      return id;
    },
    child(context, fn) {
      if (functionOf[context] === fn) return context;
      const known = (children[context] as Map<number, number>).get(fn);
      if (known !== undefined) return known;
      const id = parent.length;
      parent.push(context);
      functionOf.push(fn);
      depth.push((depth[context] as number) + 1);
      children.push(new Map());
      (children[context] as Map<number, number>).set(fn, id);
      return id;
    },
  };
}

/** The deepest context that both lie under (or are). */
export function commonContext(tree: Pick<CallTree, 'parent' | 'depth'>, a: number, b: number): number {
  let left = a;
  let right = b;
  while (left !== right) {
    if ((tree.depth[left] as number) >= (tree.depth[right] as number)) left = tree.parent[left] as number;
    else right = tree.parent[right] as number;
  }
  return left;
}

/** Functions from the outermost to the innermost of a context. */
export function contextPath(tree: CallTree, context: number): number[] {
  const path: number[] = [];
  for (let at = context; at > ROOT_CONTEXT; at = tree.parent[at] as number)
    path.push(tree.functionOf[at] as number);
  return path.reverse();
}

/** How much of a profile's stacks could be used. Shares of calls, 0…1. */
export interface StackCoverage {
  /** Calls with at least one user-defined function on their stack. */
  readonly symbolized: number;
  /** Calls whose stack was cut and that were put under the calls around them. */
  readonly grafted: number;
}

/**
 * The context of each call of a profile. A stack that the profiler cut (a deep frame, a lost frame pointer) has no
 * outermost entry function; it is grafted under the deepest context shared by the complete stacks right before and
 * after it on the same thread, for those functions were on the stack at both times.
 */
export function contextColumn(
  trace: Trace,
  tree: GrowingCallTree,
  classifier: FrameClassifier,
): { readonly contexts: Int32Array; readonly coverage: StackCoverage } {
  const contexts = new Int32Array(trace.length);
  const stacks = trace.stacks;
  const stack = trace.stack;
  if (stacks === null || stack === null) return { contexts, coverage: { symbolized: 0, grafted: 0 } };
  const functionOfFrame = Int32Array.from(stacks.frames, (frame) => {
    const fn = classifier.userFunction(frame);
    return fn === null ? -1 : tree.internFunction(fn);
  });
  const entryFrame = stacks.frames.map((frame) => classifier.isEntry(frame));
  const nodes = stacks.parent.length;
  const contextOfNode = new Int32Array(nodes);
  const complete = new Uint8Array(nodes);
  for (let node = 0; node < nodes; node++) {
    const above = stacks.parent[node] as number;
    const frame = stacks.frame[node] as number;
    const fn = functionOfFrame[frame] as number;
    const base = above < 0 ? ROOT_CONTEXT : (contextOfNode[above] as number);
    contextOfNode[node] = fn < 0 ? base : tree.child(base, fn);
    complete[node] = above < 0 ? (entryFrame[frame] ? 1 : 0) : (complete[above] as number);
  }
  const before = new Int32Array(trace.threads.length).fill(-1);
  const pending: number[][] = trace.threads.map(() => []);
  let grafted = 0;
  let symbolized = 0;
  const graft = (rows: number[], previous: number, next: number) => {
    const anchor =
      previous < 0 ? Math.max(next, ROOT_CONTEXT) : next < 0 ? previous : commonContext(tree, previous, next);
    for (const row of rows) {
      const node = stack[row] as number;
      contexts[row] = attach(
        tree,
        anchor,
        node === NO_STACK ? ROOT_CONTEXT : (contextOfNode[node] as number),
      );
      grafted++;
    }
    rows.length = 0;
  };
  for (let row = 0; row < trace.length; row++) {
    const thread = trace.thread[row] as number;
    const node = stack[row] as number;
    if (node === NO_STACK || complete[node] === 0) {
      (pending[thread] as number[]).push(row);
      continue;
    }
    const context = contextOfNode[node] as number;
    contexts[row] = context;
    graft(pending[thread] as number[], before[thread] as number, context);
    before[thread] = context;
  }
  for (const [thread, rows] of pending.entries()) graft(rows, before[thread] as number, -1);
  for (let row = 0; row < trace.length; row++) if ((contexts[row] as number) > ROOT_CONTEXT) symbolized++;
  const calls = Math.max(1, trace.length);
  return { contexts, coverage: { symbolized: symbolized / calls, grafted: grafted / calls } };
}

/** Puts a cut stack's functions under `anchor`, aligned where its outermost function is already on the anchor's path. */
function attach(tree: GrowingCallTree, anchor: number, cut: number): number {
  const path = contextPath(tree, cut);
  const outermost = path[0];
  if (outermost === undefined) return anchor;
  let base = anchor;
  for (let at = anchor; at > ROOT_CONTEXT; at = tree.parent[at] as number) {
    if (tree.functionOf[at] === outermost) {
      base = tree.parent[at] as number;
      break;
    }
  }
  for (const fn of path) base = tree.child(base, fn);
  return base;
}

import type { Trace } from '../trace/trace.ts';
import type { StackOptions } from './recipe.ts';

/** What a stacked run shows of the calls made under the primary functions. */
export interface StackShares {
  readonly seconds: number;
  readonly calls: number;
  /** Calls on whose stack a primary function stands. */
  readonly underPrimary: number;
  /** How often each function stood directly above a primary one (its caller) or below (its callee). */
  readonly callers: ReadonlyMap<string, number>;
  readonly callees: ReadonlyMap<string, number>;
  /** The three innermost own functions of the most frequent stacks, and how often. */
  readonly topStacks: readonly (readonly [string, number])[];
}

/** Of a server that made no call while stacks were recorded. */
export const NO_CALLS: StackShares = {
  seconds: 1,
  calls: 0,
  underPrimary: 0,
  callers: new Map(),
  callees: new Map(),
  topStacks: [],
};

const TOP_STACKS = 5;

/** Own functions on each call's stack, innermost first, told from runtime and libraries by their object. */
export function ownStack(trace: Trace, row: number, options: StackOptions): string[] {
  const { stack, stacks } = trace;
  const names: string[] = [];
  if (stack === null || stacks === null) return names;
  for (let node = stack[row] ?? -1; node >= 0; node = stacks.parent[node] as number) {
    const frame = stacks.frames[stacks.frame[node] as number];
    if (frame !== undefined && isOwn(frame.name, frame.object, options)) names.push(frame.name);
  }
  return names;
}

function isOwn(name: string, object: string, options: StackOptions): boolean {
  return (
    name !== '[unknown]' &&
    options.ownObjects.some((end) => object.endsWith(end)) &&
    (options.isOwn?.(name) ?? true)
  );
}

/** A name counts as a truth string's when it holds it as a whole word. */
export function matchesName(functionName: string, truth: string): boolean {
  const at = functionName.indexOf(truth);
  if (at < 0) return false;
  const isWord = (character: string | undefined) => character !== undefined && /[\w$]/.test(character);
  return !isWord(functionName[at - 1]) && !isWord(functionName[at + truth.length]);
}

export function stackShares(
  trace: Trace,
  primary: readonly string[],
  options: StackOptions,
  fromNs = 0,
): StackShares {
  const isPrimary = (name: string) => primary.some((truth) => matchesName(name, truth));
  const callers = new Map<string, number>();
  const callees = new Map<string, number>();
  const tops = new Map<string, number>();
  let calls = 0;
  let underPrimary = 0;
  for (let row = 0; row < trace.length; row++) {
    if ((trace.enterNs[row] as number) < fromNs) continue;
    calls++;
    const names = ownStack(trace, row, options);
    count(tops, names.slice(0, 3).join(' < '));
    const innermost = names.findIndex(isPrimary);
    if (innermost < 0) continue;
    underPrimary++;
    const outermost = names.findLastIndex(isPrimary);
    const caller = names[outermost + 1];
    const callee = names[innermost - 1];
    if (caller !== undefined) count(callers, caller);
    if (callee !== undefined) count(callees, callee);
  }
  return {
    seconds: (trace.window.endNs - fromNs) / 1e9,
    calls,
    underPrimary,
    callers,
    callees,
    topStacks: byCount(tops).slice(0, TOP_STACKS),
  };
}

const ENTRY_POINTS = new Set(['main', '_start']);
/** Share of the anomaly's calls under the primary function from which a neighbour on the path is related. */
const RELATED_SHARE = 0.05;
/** How many times its normal rate a neighbour must have. */
const RELATED_RISE = 1.5;

/**
 * The related functions: neighbours on the primary's path through which the anomaly's calls go, most frequent first,
 * then those given by hand. Where no neighbour shows a rise, all that were given by hand count; else only those that
 * the anomaly's stacks hold.
 */
export function relatedFunctions(
  anomaly: StackShares,
  normal: StackShares,
  primary: readonly string[],
  byHand: readonly string[],
): string[] {
  const rises = (name: string, seen: number, before: ReadonlyMap<string, number>) =>
    seen >= RELATED_SHARE * anomaly.underPrimary &&
    !ENTRY_POINTS.has(name) &&
    !primary.some((truth) => matchesName(name, truth)) &&
    seen / anomaly.seconds > (RELATED_RISE * (before.get(name) ?? 0)) / normal.seconds;
  const shown = [
    ...byCount(anomaly.callers).filter(([name, seen]) => rises(name, seen, normal.callers)),
    ...byCount(anomaly.callees).filter(([name, seen]) => rises(name, seen, normal.callees)),
  ].map(([name]) => name);
  const seen = (name: string) => anomaly.callers.has(name) || anomaly.callees.has(name);
  const hand = shown.length === 0 ? byHand : byHand.filter(seen);
  return [...new Set([...shown, ...hand])];
}

function count(map: Map<string, number>, name: string): void {
  map.set(name, (map.get(name) ?? 0) + 1);
}

/** Most frequent first, equal ones by name. */
function byCount(map: ReadonlyMap<string, number>): [string, number][] {
  return [...map].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
}

import { type Calls, callsOf } from '../calls/calls.ts';
import { type Numbering, numbering } from '../calls/numbering.ts';
import { pairKey } from '../calls/pair-key.ts';
import { MAX_SYMBOLS } from '../calls/symbols.ts';
import type { Trace } from '../trace/trace.ts';
import { contextColumn, type GrowingCallTree, growingCallTree, type StackCoverage } from './call-tree.ts';
import { SignatureError } from './errors.ts';
import { inheritFromWaker } from './pool-work.ts';
import type { FrameClassifier } from './user-functions.ts';

export interface Profile {
  /** For messages and the set's list of profiles. */
  readonly name: string;
  /** A trace of a normal run, read with stacks. */
  readonly trace: Trace;
}

/** The numbers that stand for things in a signature set; each profile adds what it is the first to show. */
export interface SetNumbers {
  readonly tree: GrowingCallTree;
  readonly symbols: Numbering<string>;
  /** A state is a symbol in a context: pair keys. */
  readonly states: Numbering<number>;
  readonly traits: Numbering<string>;
}

export function setNumbers(): SetNumbers {
  return { tree: growingCallTree(), symbols: numbering(), states: numbering(), traits: numbering() };
}

/** One profile's calls in the numbers of the set. */
export interface ProfileCalls {
  readonly name: string;
  readonly calls: Calls;
  readonly coverage: StackCoverage;
  /** Per call. */
  readonly contexts: Int32Array;
  readonly symbols: Uint16Array;
  readonly states: Int32Array;
  /** Per trait of `calls.traits`. */
  readonly traits: readonly number[];
}

/** Below this share of calls with a user-defined function on their stack, a profile explains nothing. */
export const MINIMUM_SYMBOLIZED = 0.05;

export interface PlacingOptions {
  readonly classifier: FrameClassifier;
  /** Give pool threads' calls the context of who woke them (pool-work.ts). */
  readonly poolWork: boolean;
}

/**
 * Puts each call of a profile in its context, and numbers contexts, symbols, states and traits.
 *
 * @throws SignatureError where the profile has no usable stacks, or no end of different calls
 */
export function profileCalls(
  { name, trace }: Profile,
  numbers: SetNumbers,
  { classifier, poolWork }: PlacingOptions,
): ProfileCalls {
  if (trace.stacks === null) {
    throw new SignatureError(
      `${name}: no call stacks; expected perf script output of a profile recorded with --call-graph (see docs/profiling.md)`,
    );
  }
  const { contexts, coverage } = contextColumn(trace, numbers.tree, classifier);
  if (coverage.symbolized < MINIMUM_SYMBOLIZED) {
    throw new SignatureError(
      `${name}: only ${(coverage.symbolized * 100).toFixed(1)} % of the calls have a user-defined function on their stack; ` +
        'symbols or frame pointers are missing (see docs/profiling.md for the command that records them)',
    );
  }
  const calls = callsOf(trace);
  if (poolWork) inheritFromWaker(calls, contexts);
  const symbolNumbers = calls.column.symbols.map((symbol) => numbers.symbols.of(symbol));
  if (numbers.symbols.values.length > MAX_SYMBOLS) {
    throw new SignatureError(
      `${name}: more than ${MAX_SYMBOLS} different calls and results in the profiles; expected perf script output of one service (see docs/profiling.md)`,
    );
  }
  const symbols = Uint16Array.from(calls.column.ids, (id) => symbolNumbers[id] as number);
  const states = new Int32Array(trace.length);
  for (const rows of calls.threadRows) {
    for (const row of rows) {
      states[row] = numbers.states.of(pairKey(contexts[row] as number, symbols[row] as number));
    }
  }
  const traits = calls.traits.traits.map((trait) => numbers.traits.of(trait));
  return { name, calls, coverage, contexts, symbols, states, traits };
}

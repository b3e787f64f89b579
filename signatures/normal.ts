import type { SignatureSet } from './signature-set.ts';
import type { UserFunction } from './user-functions.ts';

/**
 * What is normal for a service, in the form that inference asks: the signature set's records with names, compiled for
 * look-up. Numbers of contexts, states, symbols and functions are positions in the set's own lists. Times are
 * nanoseconds, rates calls per second.
 */
export interface Normal {
  readonly service: string;
  readonly build: string;
  readonly functions: readonly UserFunction[];
  /** Call symbols (calls/symbols.ts) that the profiles show. */
  readonly symbols: readonly string[];
  readonly contexts: ContextColumns;
  readonly states: StateColumns;
  readonly signatures: readonly FunctionSignature[];
  /** Traits (calls/traits.ts) that the profiles show, and how often each state showed one. */
  readonly traits: readonly string[];
  readonly stateTraits: readonly StateTrait[];
  /** Requests answered in the profiles, a second on average. */
  readonly requestsPerSecond: number;
  /** Recorded time of all profiles together. */
  readonly profiledSeconds: number;
  /** Longest time between two calls of one thread, outside any call. */
  readonly longestOffCallNs: number;
  /** Highest rate of a symbol in any profile; 0 where no profile shows it. */
  rateOf(symbol: string): number;
  /** Steps that leave a state: the state that followed on the same thread, and how often. */
  stepsFrom(state: number): readonly Step[];
  /** Longest time between two states that followed each other on one descriptor; null where none did. */
  longestRestNs(from: number, to: number): number | null;
  /** Longest time from a request to its answer, per state that answers; null where it never answered. */
  longestLatencyNs(state: number): number | null;
  /** The longest of them, whichever state answers; 0 where the profiles hold no requests. */
  readonly longestAnyLatencyNs: number;
}

/** The calling context tree; context 0 is the root, parents come before their children. */
interface ContextColumns {
  readonly length: number;
  /** -1 for the root. */
  readonly parent: Int32Array;
  /** Function that the context enters; -1 for the root. */
  readonly functionOf: Int32Array;
  /** 0 for the root. */
  readonly depth: Int32Array;
}

/** A state is a call symbol in a context. */
interface StateColumns {
  readonly length: number;
  readonly context: Int32Array;
  readonly symbol: Int32Array;
  /** Calls that the profiles show of it, at least 1. */
  readonly calls: Float64Array;
  /** Longest time in the call. */
  readonly longestNs: Float64Array;
}

interface Step {
  readonly to: number;
  readonly count: number;
}

interface StateTrait {
  readonly state: number;
  readonly trait: number;
  readonly count: number;
}

interface FunctionSignature {
  readonly fn: number;
  readonly invocations: number;
  /** Invocations that made exactly one call. */
  readonly single: number;
  readonly calls: number;
  /** Share (0…1) of left-out invocations in which the others' episodes hold; null where one profile shows it only. */
  readonly stability: number | null;
  readonly episodes: readonly FunctionEpisode[];
}

interface FunctionEpisode {
  readonly symbols: readonly number[];
  readonly support: number;
}

const NS = 1e9;
const NO_STEPS: readonly Step[] = [];

export function normalOf(set: SignatureSet): Normal {
  const rates = new Map(set.symbols.map((symbol, id) => [symbol, set.normal.rate[id] as number]));
  const steps = new Map<number, Step[]>();
  for (const [from, to, count] of set.transitions) {
    const own = steps.get(from);
    if (own === undefined) steps.set(from, [{ to, count }]);
    else own.push({ to, count });
  }
  const states = set.states.length;
  const rests = new Map(set.gaps.map(([from, to, , , , longest]) => [from * states + to, longest * NS]));
  const latencies = new Map(set.latencies.map(([state, , , , longest]) => [state, longest * NS]));
  const profiledSeconds = set.profiles.reduce((sum, { seconds }) => sum + seconds, 0);
  return {
    service: set.service,
    build: set.build,
    functions: set.functions,
    symbols: set.symbols,
    contexts: contextColumns(set),
    states: {
      length: states,
      context: Int32Array.from(set.states, ([context]) => context),
      symbol: Int32Array.from(set.states, ([, symbol]) => symbol),
      calls: Float64Array.from(set.states, ([, , calls]) => calls),
      longestNs: Float64Array.from(set.states, ([, , , , , longest]) => longest * NS),
    },
    signatures: set.signatures.map(({ function: fn, invocations, single, calls, stability, episodes }) => ({
      fn,
      invocations,
      single,
      calls,
      stability,
      episodes: episodes.map(([symbols, support]) => ({ symbols, support })),
    })),
    traits: set.traits,
    stateTraits: set.stateTraits.map(([state, trait, count]) => ({ state, trait, count })),
    requestsPerSecond:
      profiledSeconds > 0 ? set.latencies.reduce((sum, [, count]) => sum + count, 0) / profiledSeconds : 0,
    profiledSeconds,
    longestOffCallNs: set.normal.offCall * NS,
    rateOf: (symbol) => rates.get(symbol) ?? 0,
    stepsFrom: (state) => steps.get(state) ?? NO_STEPS,
    longestRestNs: (from, to) => (from < 0 || to < 0 ? null : (rests.get(from * states + to) ?? null)),
    longestLatencyNs: (state) => latencies.get(state) ?? null,
    longestAnyLatencyNs: [...latencies.values()].reduce((most, longest) => Math.max(most, longest), 0),
  };
}

function contextColumns(set: SignatureSet): ContextColumns {
  const parent = Int32Array.from(set.contexts, ([above]) => above);
  const depth = new Int32Array(parent.length);
  for (let context = 1; context < parent.length; context++)
    depth[context] = (depth[parent[context] as number] as number) + 1;
  return {
    length: parent.length,
    parent,
    functionOf: Int32Array.from(set.contexts, ([, fn]) => fn),
    depth,
  };
}

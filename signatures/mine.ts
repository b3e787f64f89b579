import { callsOf } from '../calls/calls.ts';
import { MAX_SYMBOLS } from '../calls/symbols.ts';
import { NO_TRAIT, TRAIT_KINDS } from '../calls/traits.ts';
import type { Trace } from '../trace/trace.ts';
import { contextColumn, growingCallTree } from './call-tree.ts';
import { SignatureError } from './errors.ts';
import { mineFunction, stability } from './function-signature.ts';
import { functionInvocations, type Invocations } from './invocations.ts';
import {
  descriptorGaps,
  normalBehaviour,
  type ProfileColumns,
  requestLatencies,
  stateDurations,
} from './normal-behaviour.ts';
import { inheritFromWaker } from './pool-work.ts';
import { SIGNATURE_SCHEMA, type SignatureSet } from './signature-set.ts';
import { frameClassifier, type LibraryFrames } from './user-functions.ts';

export interface Profile {
  /** For messages and the set's list of profiles. */
  readonly name: string;
  /** A trace of a normal run, read with stacks. */
  readonly trace: Trace;
}

export interface MineOptions {
  readonly service: string;
  readonly build?: string;
  /** Further libraries and runtimes, on top of catalog/library-frames.json. */
  readonly libraryFrames?: Partial<LibraryFrames>;
  /** Give pool threads' calls the context of who woke them (pool-work.ts). Default true. */
  readonly poolWork?: boolean;
  readonly onProgress?: (step: string) => void;
}

/** Below this share of calls with a user-defined function on their stack, a profile explains nothing. */
export const MINIMUM_SYMBOLIZED = 0.05;

/**
 * Mines the signature set of one service from profiles of normal runs.
 *
 * @throws SignatureError when no profile is given, or one has no usable stacks
 */
export async function mine(
  profiles: Iterable<Profile> | AsyncIterable<Profile>,
  options: MineOptions,
): Promise<SignatureSet> {
  const classifier = frameClassifier(options.libraryFrames);
  const tree = growingCallTree();
  const symbols = interned<string>();
  const states = interned<string>();
  const stateRows: [number, number, number][] = [];
  const transitions = new Map<number, number>();
  const traits = interned<string>();
  const stateTraits = new Map<number, number>();
  const perProfile: Map<number, Invocations>[] = [];
  const columns: ProfileColumns[] = [];
  const described: SignatureSet['profiles'] = [];
  for await (const profile of profiles) {
    options.onProgress?.(`mining ${profile.name}`);
    const { trace } = profile;
    if (trace.stacks === null) {
      throw new SignatureError(
        `${profile.name}: no call stacks; expected perf script output of a profile recorded with --call-graph (see docs/profiling.md)`,
      );
    }
    const { contexts, coverage } = contextColumn(trace, tree, classifier);
    if (coverage.symbolized < MINIMUM_SYMBOLIZED) {
      throw new SignatureError(
        `${profile.name}: only ${(coverage.symbolized * 100).toFixed(1)} % of the calls have a user-defined function on their stack; ` +
          'symbols or frame pointers are missing (see docs/profiling.md for the command that records them)',
      );
    }
    if (options.poolWork !== false) inheritFromWaker(trace, contexts);
    const calls = callsOf(trace);
    const local = calls.column;
    const globalIds = local.symbols.map((symbol) => symbols.id(symbol));
    if (symbols.values.length > MAX_SYMBOLS) {
      throw new SignatureError(
        `${profile.name}: more than ${MAX_SYMBOLS} different calls and results in the profiles; expected perf script output of one service (see docs/profiling.md)`,
      );
    }
    const symbolIds = Uint16Array.from(local.ids, (id) => globalIds[id] as number);
    perProfile.push(functionInvocations(trace, tree, contexts, symbolIds));
    const stateIds = new Int32Array(trace.length);
    columns.push({ trace, symbols: symbolIds, states: stateIds });
    const shown = calls.traits;
    const traitIds = shown.traits.map((trait) => traits.id(trait));
    for (const rows of calls.threadRows) {
      let previous = -1;
      for (const row of rows) {
        const context = contexts[row] as number;
        const symbol = symbolIds[row] as number;
        const state = states.id(`${context},${symbol}`);
        stateIds[row] = state;
        if (state === stateRows.length) stateRows.push([context, symbol, 0]);
        (stateRows[state] as [number, number, number])[2]++;
        for (let kind = 0; kind < TRAIT_KINDS; kind++) {
          const trait = shown.ids[row * TRAIT_KINDS + kind] as number;
          if (trait === NO_TRAIT) continue;
          const key = state * STATE_RADIX + (traitIds[trait] as number);
          stateTraits.set(key, (stateTraits.get(key) ?? 0) + 1);
        }
        if (previous >= 0) {
          const key = previous * STATE_RADIX + state;
          transitions.set(key, (transitions.get(key) ?? 0) + 1);
        }
        previous = state;
      }
    }
    described.push({
      name: profile.name,
      calls: trace.length,
      seconds: round(trace.window.endNs / 1e9),
      threads: trace.threads.length,
      symbolized: round(coverage.symbolized),
      grafted: round(coverage.grafted),
    });
  }
  if (described.length === 0) {
    throw new SignatureError('no profile given; expected at least one perf script profile with stacks');
  }
  options.onProgress?.('mining episodes');
  const signatures = tree.functions.flatMap((_, fn) => {
    const runs = perProfile.map((profile) => profile.get(fn)).filter((run) => run !== undefined);
    if (runs.length === 0) return [];
    const total = (field: 'count' | 'single' | 'calls') => runs.reduce((sum, run) => sum + run[field], 0);
    return [
      {
        function: fn,
        invocations: total('count'),
        single: total('single'),
        calls: total('calls'),
        stability: stability(runs),
        episodes: mineFunction(runs).map((episode): [number[], number] => [
          [...episode.symbols],
          episode.support,
        ]),
      },
    ];
  });
  const durations = stateDurations(columns, stateRows.length);
  return {
    schema: SIGNATURE_SCHEMA,
    service: options.service,
    build: options.build ?? '',
    profiles: described,
    symbols: symbols.values,
    functions: tree.functions.map(({ name, object }) => ({ name, object })),
    contexts: tree.parent.map((parent, context) => [parent, tree.functionOf[context] as number]),
    states: stateRows.map((row, state) => [...row, ...(durations[state] as [number, number, number])]),
    gaps: descriptorGaps(columns),
    latencies: requestLatencies(columns),
    transitions: pairCounts(transitions),
    traits: traits.values,
    stateTraits: pairCounts(stateTraits),
    signatures,
    normal: normalBehaviour(columns, symbols.values.length),
  };
}

/** Two state numbers in one float64 key: exact below 2^53. */
const STATE_RADIX = 2 ** 24;

function pairCounts(counts: ReadonlyMap<number, number>): [number, number, number][] {
  return [...counts]
    .map(([key, count]): [number, number, number] => [
      Math.floor(key / STATE_RADIX),
      key % STATE_RADIX,
      count,
    ])
    .sort((a, b) => a[0] - b[0] || a[1] - b[1]);
}

function interned<T>() {
  const values: T[] = [];
  const ids = new Map<T, number>();
  return {
    values,
    id(value: T): number {
      let id = ids.get(value);
      if (id === undefined) {
        id = values.length;
        values.push(value);
        ids.set(value, id);
      }
      return id;
    },
  };
}

/** Six significant digits: enough for rates and shares, and the same text on every machine. */
export function round(value: number): number {
  return Number(value.toPrecision(6));
}

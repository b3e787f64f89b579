import type { CallTree } from './call-tree.ts';
import { addCount } from './counts.ts';
import { countNonOverlapped, type Episode, frequentEpisodes, type WeightedSequence } from './episodes.ts';
import { functionInvocations, type Invocations, sequenceSymbols } from './invocations.ts';
import type { ProfileCalls } from './profile-calls.ts';
import { rounded } from './rounded.ts';
import type { SignatureSet } from './signature-set.ts';

/** An episode is frequent in a function when it occurs in this share of its invocations … */
export const MINIMUM_SUPPORT_SHARE = 0.1;
/** … and at least this often. */
export const MINIMUM_SUPPORT = 2;
export const MAXIMUM_LENGTH = 6;
const MAXIMUM_PER_LEVEL = 24;
/** Episodes kept per function. */
export const MAXIMUM_EPISODES = 48;
/** Symbols mined per function, most frequent sequences first: bounds the cost of functions that differ at each call. */
export const MAXIMUM_MINED_SYMBOLS = 4_096;

/** Each function's invocations, one profile after the other. */
export interface FunctionRuns {
  add(profile: ProfileCalls, tree: CallTree): void;
  /** In the order of the functions; those that made no calls have none. */
  signatures(): SignatureSet['signatures'];
}

export function functionRuns(): FunctionRuns {
  const runsOf = new Map<number, Invocations[]>();
  return {
    add({ calls, contexts, symbols }, tree) {
      for (const [fn, run] of functionInvocations(calls.threadRows, tree, contexts, symbols)) {
        const known = runsOf.get(fn);
        if (known === undefined) runsOf.set(fn, [run]);
        else known.push(run);
      }
    },
    signatures: () => [...runsOf].sort(([a], [b]) => a - b).map(([fn, runs]) => signatureOf(fn, runs)),
  };
}

function signatureOf(fn: number, runs: readonly Invocations[]): SignatureSet['signatures'][number] {
  const total = (field: 'count' | 'single' | 'calls') => runs.reduce((sum, run) => sum + run[field], 0);
  return {
    function: fn,
    invocations: total('count'),
    single: total('single'),
    calls: total('calls'),
    stability: stability(runs),
    episodes: mineFunction(runs).map(({ symbols, support }) => [[...symbols], support]),
  };
}

/** The frequent closed episodes of one function over all its profiles. */
export function mineFunction(runs: readonly Invocations[]): Episode[] {
  const sequences = weighted(runs);
  const invocations = sequences.reduce((sum, sequence) => sum + sequence.weight, 0);
  if (invocations < MINIMUM_SUPPORT) return [];
  return frequentEpisodes(sequences, {
    minimumSupport: Math.max(MINIMUM_SUPPORT, invocations * MINIMUM_SUPPORT_SHARE),
    maximumLength: MAXIMUM_LENGTH,
    maximumPerLevel: MAXIMUM_PER_LEVEL,
  }).slice(0, MAXIMUM_EPISODES);
}

/**
 * How well a function's episodes hold over workloads: mined on all profiles but one, the share of the left-out
 * profile's invocations in which the strongest of them still occurs, averaged over the profiles. Null where only one
 * profile shows the function.
 */
export function stability(runs: readonly Invocations[]): number | null {
  if (runs.length < 2) return null;
  let sum = 0;
  for (const [left, run] of runs.entries()) {
    const episodes = mineFunction(runs.filter((_, i) => i !== left));
    const tested = weighted([run]);
    const total = tested.reduce((all, sequence) => all + sequence.weight, 0);
    const longest = Math.max(0, ...episodes.map((episode) => episode.symbols.length));
    const telling = episodes.filter((episode) => episode.symbols.length * 2 >= longest);
    let matched = 0;
    for (const sequence of tested) {
      if (telling.some((episode) => countNonOverlapped(episode.symbols, sequence.symbols) > 0)) {
        matched += sequence.weight;
      }
    }
    sum += total === 0 ? 0 : matched / total;
  }
  return rounded(sum / runs.length);
}

function weighted(runs: readonly Invocations[]): WeightedSequence[] {
  const merged = new Map<string, number>();
  for (const run of runs) {
    for (const [key, weight] of run.sequences) addCount(merged, key, weight);
  }
  const order = [...merged].sort(
    (a, b) => b[1] - a[1] || a[0].length - b[0].length || (a[0] < b[0] ? -1 : 1),
  );
  const sequences: WeightedSequence[] = [];
  let symbols = 0;
  for (const [key, weight] of order) {
    if (symbols + key.length > MAXIMUM_MINED_SYMBOLS && sequences.length > 0) continue;
    symbols += key.length;
    sequences.push({ symbols: sequenceSymbols(key), weight });
  }
  return sequences;
}

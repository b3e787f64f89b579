import { pairOf } from '../calls/pair-key.ts';
import { SignatureError } from './errors.ts';
import { functionRuns } from './function-signature.ts';
import { normalBehaviour } from './normal-behaviour.ts';
import { type Profile, type ProfileCalls, profileCalls, setNumbers } from './profile-calls.ts';
import { rounded } from './rounded.ts';
import { SIGNATURE_SCHEMA, type SignatureSet } from './signature-set.ts';
import { stateCounts } from './state-counts.ts';
import { frameClassifier, type LibraryFrames } from './user-functions.ts';

export interface MineOptions {
  readonly service: string;
  readonly build?: string;
  /** Further libraries and runtimes, on top of catalog/library-frames.json. */
  readonly libraryFrames?: Partial<LibraryFrames>;
  /** Give pool threads' calls the context of who woke them (pool-work.ts). Default true. */
  readonly poolWork?: boolean;
  readonly onProgress?: (step: string) => void;
}

/**
 * Mines the signature set of one service from profiles of normal runs. Of each profile only what it taught is kept:
 * its trace may go as soon as the next one is asked for.
 *
 * @throws SignatureError when no profile is given, or one has no usable stacks
 */
export async function mine(
  profiles: Iterable<Profile> | AsyncIterable<Profile>,
  { service, build = '', libraryFrames, poolWork = true, onProgress }: MineOptions,
): Promise<SignatureSet> {
  const placing = { classifier: frameClassifier(libraryFrames), poolWork };
  const numbers = setNumbers();
  const described: SignatureSet['profiles'] = [];
  const counts = stateCounts();
  const behaviour = normalBehaviour();
  const runs = functionRuns();
  const learn = (profile: Profile) => {
    const calls = profileCalls(profile, numbers, placing);
    described.push(description(calls));
    counts.add(calls);
    behaviour.add(calls);
    runs.add(calls, numbers.tree);
  };
  for await (const profile of profiles) {
    onProgress?.(`mining ${profile.name}`);
    learn(profile);
  }
  if (described.length === 0) {
    throw new SignatureError('no profile given; expected at least one perf script profile with stacks');
  }
  onProgress?.('mining episodes');
  const { tree, symbols, states, traits } = numbers;
  return {
    schema: SIGNATURE_SCHEMA,
    service,
    build,
    // 1. What the profiles are, and what stands for what in them.
    profiles: described,
    symbols: [...symbols.values],
    functions: tree.functions.map(({ name, object }) => ({ name, object })),
    contexts: tree.parent.map((parent, context) => [parent, tree.functionOf[context] as number]),
    // 2. Each state, and how long it takes, rests and answers.
    states: states.values.map((key, state) => [
      ...pairOf(key),
      counts.calls(state),
      ...behaviour.duration(state),
    ]),
    gaps: behaviour.gaps(),
    latencies: behaviour.latencies(),
    // 3. What follows each state and what it shows.
    transitions: counts.transitions(),
    traits: [...traits.values],
    stateTraits: counts.traits(),
    // 4. The functions, and the service as a whole.
    signatures: runs.signatures(),
    normal: behaviour.rates(),
  };
}

function description({ name, calls: { trace }, coverage }: ProfileCalls): SignatureSet['profiles'][number] {
  return {
    name,
    calls: trace.length,
    seconds: rounded(trace.window.endNs / 1e9),
    threads: trace.threads.length,
    symbolized: rounded(coverage.symbolized),
    grafted: rounded(coverage.grafted),
  };
}

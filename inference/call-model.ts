import { callOfSymbol } from '../calls/symbols.ts';
import type { Normal } from '../signatures/normal.ts';
import { placeModel } from './place-model.ts';

/**
 * The order in which the service's calls normally follow each other, as a hidden Markov model: a state is a call
 * symbol together with the user-defined functions it was made under (a context of the calling context tree). Compiled
 * from the signature set for fast look-up.
 */
export interface CallModel {
  readonly normal: Normal;
  /** Context of each state. */
  readonly contextOf: Int32Array;
  /** Logarithm of each state's share of all calls. */
  readonly logShare: Float64Array;
  /** States by symbol text, and by call name whatever the result. */
  readonly bySymbol: ReadonlyMap<string, readonly number[]>;
  readonly byCall: ReadonlyMap<string, readonly number[]>;
  /** Trait ids by text. */
  readonly traitIds: ReadonlyMap<string, number>;
  /** How much likelier a trait is in a state than anywhere, natural logarithm, bounded. */
  trait(state: number, trait: number): number;
  /** Log probability of the step from one state to the next. */
  step(from: number, to: number): number;
}

/** Share of probability kept for steps that no profile shows. */
const UNSEEN_STEP = 0.01;

/** Evidence of one trait is bounded, more so against a state: an abnormal run shows what no profile does. */
const MAX_TRAIT_FOR = 5;
const MAX_TRAIT_AGAINST = 1;
/** Which call made the descriptor is no matter of behaviour: a socket is read where sockets are read. */
const MAX_ORIGIN_AGAINST = 6;
const ORIGIN = 'from';
/** Calls that each state is given of the general mix of traits (additive smoothing). */
const TRAIT_PRIOR = 0.5;

/** Up to here the steps from each state are kept in an array: at most 134 MB, while servers have some hundred states. */
export const DENSE_STATES = 4_096;
/** Steps kept of a larger model, some 40 bytes each. */
const MAX_SPARSE_STEPS = 2_000_000;

export function callModel(normal: Normal): CallModel {
  const { length: states, context: contextOf, symbol: symbolOf, calls } = normal.states;
  const total = calls.reduce((sum, count) => sum + count, 0);
  const logShare = calls.map((count) => Math.log(count / Math.max(1, total)));
  const bySymbol = new Map<string, number[]>();
  const byCall = new Map<string, number[]>();
  for (let state = 0; state < states; state++) {
    const symbol = normal.symbols[symbolOf[state] as number] as string;
    append(bySymbol, symbol, state);
    append(byCall, callOfSymbol(symbol), state);
  }
  const seen = Array.from(
    { length: states },
    (_, state) => new Map(normal.stepsFrom(state).map(({ to, count }) => [to, count])),
  );
  const leaving = Float64Array.from(seen, (steps) =>
    [...steps.values()].reduce((sum, count) => sum + count, 0),
  );
  const traitCount = new Float64Array(normal.traits.length);
  const kindOfTrait = normal.traits.map((trait) => trait.split(' ')[0] as string);
  const kindTotal = new Map<string, number>();
  const traitsOf: Map<number, number>[] = Array.from({ length: states }, () => new Map());
  const stateKindTotal = new Map<string, number>();
  for (const { state, trait, count } of normal.stateTraits) {
    const kind = kindOfTrait[trait] as string;
    traitCount[trait]! += count;
    kindTotal.set(kind, (kindTotal.get(kind) ?? 0) + count);
    stateKindTotal.set(`${state} ${kind}`, (stateKindTotal.get(`${state} ${kind}`) ?? 0) + count);
    (traitsOf[state] as Map<number, number>).set(trait, count);
  }
  const rows: (Float64Array | undefined)[] = new Array(states);
  const sparse = new Map<number, number>();
  const places = placeModel(normal);
  const compute = (from: number, to: number): number => {
    const count = (seen[from] as Map<number, number>).get(to) ?? 0;
    const out = leaving[from] as number;
    return Math.log(
      (out > 0 ? ((1 - UNSEEN_STEP) * count) / out : 0) + UNSEEN_STEP * places.probability(from, to),
    );
  };
  return {
    normal,
    contextOf,
    logShare,
    bySymbol,
    byCall,
    traitIds: new Map(normal.traits.map((trait, id) => [trait, id])),
    trait(state, trait) {
      // A profile's descriptors may all be of other calls: a trait that no call shows speaks for no place.
      if (traitCount[trait] === 0) return 0;
      const kind = kindOfTrait[trait] as string;
      const general = (traitCount[trait] as number) / (kindTotal.get(kind) as number);
      const own = (traitsOf[state] as Map<number, number>).get(trait) ?? 0;
      const all = stateKindTotal.get(`${state} ${kind}`) ?? 0;
      const ratio = (own + TRAIT_PRIOR * general) / ((all + TRAIT_PRIOR) * general);
      return Math.max(
        kind === ORIGIN ? -MAX_ORIGIN_AGAINST : -MAX_TRAIT_AGAINST,
        Math.min(MAX_TRAIT_FOR, Math.log(ratio)),
      );
    },
    step(from, to) {
      if (states > DENSE_STATES) {
        const key = from * states + to;
        let value = sparse.get(key);
        if (value === undefined) {
          value = compute(from, to);
          if (sparse.size >= MAX_SPARSE_STEPS) sparse.clear();
          sparse.set(key, value);
        }
        return value;
      }
      let row = rows[from];
      if (row === undefined) {
        row = new Float64Array(states).fill(Number.NaN);
        rows[from] = row;
      }
      const known = row[to] as number;
      if (!Number.isNaN(known)) return known;
      const value = compute(from, to);
      row[to] = value;
      return value;
    },
  };
}

function append(map: Map<string, number[]>, key: string, value: number): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

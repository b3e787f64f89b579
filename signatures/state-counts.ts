import { pairKey, pairOf } from '../calls/pair-key.ts';
import { NO_TRAIT, TRAIT_KINDS } from '../calls/traits.ts';
import { addCount } from './counts.ts';
import type { ProfileCalls } from './profile-calls.ts';
import type { SignatureSet } from './signature-set.ts';

/** How often the profiles show each state, each step from one to the next, and each trait of one. */
export interface StateCounts {
  add(profile: ProfileCalls): void;
  calls(state: number): number;
  transitions(): SignatureSet['transitions'];
  traits(): SignatureSet['stateTraits'];
}

export function stateCounts(): StateCounts {
  const calls = new Map<number, number>();
  const transitions = new Map<number, number>();
  const traits = new Map<number, number>();
  return {
    add({ calls: { threadRows, traits: shown }, states, traits: numbers }) {
      for (const rows of threadRows) {
        let previous = -1;
        for (const row of rows) {
          const state = states[row] as number;
          addCount(calls, state);
          if (previous >= 0) addCount(transitions, pairKey(previous, state));
          previous = state;
          for (let kind = 0; kind < TRAIT_KINDS; kind++) {
            const trait = shown.ids[row * TRAIT_KINDS + kind] as number;
            if (trait !== NO_TRAIT) addCount(traits, pairKey(state, numbers[trait] as number));
          }
        }
      }
    },
    calls: (state) => calls.get(state) ?? 0,
    transitions: () => pairCounts(transitions),
    traits: () => pairCounts(traits),
  };
}

function pairCounts(counts: ReadonlyMap<number, number>): [number, number, number][] {
  return [...counts].sort(([a], [b]) => a - b).map(([key, count]) => [...pairOf(key), count]);
}

import { createCallKinds, MAX_CALL_KINDS } from '../../call-kinds.ts';
import { callName } from '../../syscalls/call-names.ts';
import { ENDS_PROCESS } from '../../syscalls/call-traits.ts';
import type { Architecture } from '../../trace.ts';
import { NO_CALL_NUMBER } from './ring-log.ts';

/** Stands for what has no number, row or index yet. */
export const UNSEEN = -1;

/** What the pairing has to know of a kind of call, as bits. */
export const HAS_DESCRIPTOR = 1;
export const RETURNS_ADDRESS = 2;
export const NEVER_RETURNS = 4;
export const IS_RESTART = 8;
export const ENDS_ITS_PROCESS = 16;

/** The kinds of calls that a trace shows, by number: typed arrays, since every event asks. */
export interface KindTable {
  readonly names: readonly string[];
  /** Kind by call number, UNSEEN until it is added. */
  readonly kindOf: Int32Array;
  /** Bits by kind. */
  readonly traits: Uint8Array;
  readonly add: (number: number) => number;
}

export function kindTable(architecture: Architecture): KindTable {
  const kinds = createCallKinds();
  const kindOf = new Int32Array(NO_CALL_NUMBER + 1).fill(UNSEEN);
  const traits = new Uint8Array(MAX_CALL_KINDS);
  return {
    names: kinds.names,
    kindOf,
    traits,
    add(number) {
      const name = callName(architecture, number === NO_CALL_NUMBER ? -1 : number);
      const kind = kinds.intern(name);
      kindOf[number] = kind;
      traits[kind] =
        (kinds.takesDescriptor[kind] ? HAS_DESCRIPTOR : 0) |
        (kinds.returnsAddress[kind] ? RETURNS_ADDRESS : 0) |
        (kinds.neverReturns[kind] ? NEVER_RETURNS : 0) |
        (kinds.isRestart[kind] ? IS_RESTART : 0) |
        (name === ENDS_PROCESS ? ENDS_ITS_PROCESS : 0);
      return kind;
    },
  };
}

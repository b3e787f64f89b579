import { createCallKinds } from '../../call-kinds.ts';
import { callName } from '../../syscalls/call-names.ts';
import { ENDS_PROCESS } from '../../syscalls/call-traits.ts';
import type { Architecture } from '../../trace.ts';
import { NO_CALL_NUMBER } from './ring-records.ts';

/** Stands for what has no number, row or index yet. */
export const UNSEEN = -1;

/** What the pairing has to know of a kind of call, as bits above the kind's own. */
export const HAS_DESCRIPTOR = 0x1_0000;
export const RETURNS_ADDRESS = 0x2_0000;
export const NEVER_RETURNS = 0x4_0000;
export const IS_RESTART = 0x8_0000;
export const ENDS_ITS_PROCESS = 0x10_0000;
/** Of a return: it does not say of which call. */
export const NAMES_NO_CALL = 0x20_0000;

/** The kind in an entry of the table (MAX_CALL_KINDS has less bits). */
export const KIND = 0xffff;

/** The kinds of calls that a trace shows, by number: a typed array, since every event asks. */
export interface KindTable {
  readonly names: readonly string[];
  /** By call number, up to 0x7fff: KIND and traits, UNSEEN until it is added. */
  readonly entries: Int32Array;
  readonly add: (number: number) => void;
  /** The entry of a kind that a call of the trace has. */
  readonly ofKind: (kind: number) => number;
}

export function kindTable(architecture: Architecture): KindTable {
  const kinds = createCallKinds();
  const entries = new Int32Array(0x8000).fill(UNSEEN);
  const entriesOfKinds: number[] = [];
  return {
    names: kinds.names,
    entries,
    add(number) {
      const name = callName(architecture, number === NO_CALL_NUMBER ? -1 : number);
      const kind = kinds.intern(name);
      const entry =
        kind |
        (kinds.takesDescriptor[kind] ? HAS_DESCRIPTOR : 0) |
        (kinds.returnsAddress[kind] ? RETURNS_ADDRESS : 0) |
        (kinds.neverReturns[kind] ? NEVER_RETURNS : 0) |
        (kinds.isRestart[kind] ? IS_RESTART : 0) |
        (name === ENDS_PROCESS ? ENDS_ITS_PROCESS : 0) |
        (number === NO_CALL_NUMBER ? NAMES_NO_CALL : 0);
      entries[number] = entry;
      entriesOfKinds[kind] = entry;
    },
    ofKind: (kind) => entriesOfKinds[kind]!,
  };
}

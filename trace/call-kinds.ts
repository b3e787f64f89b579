import { neverReturns, RESTART, returnsAddress, takesDescriptorFirst } from './syscalls/call-traits.ts';

/**
 * Most different names in one trace; the kernel has fewer than 500. Only a broken or hostile text has more, and
 * its further names become one kind.
 */
const MAX_CALL_KINDS = 2048;

const FURTHER_KINDS = 'other';

/** The names of a trace's system calls, interned, with what a reader has to know of each. */
export interface CallKinds {
  readonly names: string[];
  readonly takesDescriptor: boolean[];
  readonly returnsAddress: boolean[];
  readonly neverReturns: boolean[];
  readonly isRestart: boolean[];
  /** Index of a name into `names`. */
  intern(name: string): number;
}

export function createCallKinds(): CallKinds {
  const indexes = new Map<string, number>();
  const kinds: CallKinds = {
    names: [],
    takesDescriptor: [],
    returnsAddress: [],
    neverReturns: [],
    isRestart: [],
    intern(name) {
      const known = indexes.get(name);
      if (known !== undefined) return known;
      if (kinds.names.length === MAX_CALL_KINDS - 1 && name !== FURTHER_KINDS)
        return kinds.intern(FURTHER_KINDS);
      const index = kinds.names.length;
      if (index >= MAX_CALL_KINDS) return MAX_CALL_KINDS - 1;
      indexes.set(name, index);
      kinds.names.push(name);
      kinds.takesDescriptor.push(takesDescriptorFirst.has(name));
      kinds.returnsAddress.push(returnsAddress.has(name));
      kinds.neverReturns.push(neverReturns.has(name));
      kinds.isRestart.push(name === RESTART);
      return index;
    },
  };
  return kinds;
}

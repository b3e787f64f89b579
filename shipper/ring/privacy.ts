import { callName } from '../../trace/syscalls/call-names.ts';
import { returnsAddress, takesDescriptorFirst } from '../../trace/syscalls/call-traits.ts';
import type { Architecture } from '../../trace/trace.ts';

/**
 * What may leave the node of a call's six arguments and its result, by call number. Everything not named here is
 * set to zero: an argument may be the address of a buffer, a path or a key, or hold data itself.
 */
export interface CallPrivacy {
  /** 1 where the first argument is a file descriptor and is kept. */
  readonly keepsDescriptor: Uint8Array;
  /** 1 where a result above zero is set to 1. */
  readonly hidesResult: Uint8Array;
}

/** Call numbers above are not known to any table: nothing of them is kept. */
export const KNOWN_CALL_NUMBERS = 1_024;

/**
 * Greatest descriptor that is kept: the kernel's default limit (fs.nr_open, include/linux/fs.h NR_OPEN). A greater
 * word in a descriptor's place may be an address, as of a 32-bit program whose call numbers mean other calls.
 */
export const GREATEST_DESCRIPTOR = 1_048_576;

/** AT_FDCWD (include/uapi/linux/fcntl.h): "the working directory" in a descriptor's place. */
export const WORKING_DIRECTORY = -100;

/** Results that are registers of the interrupted program, not results (rt_sigreturn(2)). */
const RETURNS_REGISTER = new Set(['rt_sigreturn']);

export function callPrivacy(architecture: Architecture): CallPrivacy {
  const keepsDescriptor = new Uint8Array(KNOWN_CALL_NUMBERS);
  const hidesResult = new Uint8Array(KNOWN_CALL_NUMBERS);
  for (let number = 0; number < KNOWN_CALL_NUMBERS; number++) {
    const name = callName(architecture, number);
    if (takesDescriptorFirst.has(name)) keepsDescriptor[number] = 1;
    if (returnsAddress.has(name) || RETURNS_REGISTER.has(name)) hidesResult[number] = 1;
  }
  return { keepsDescriptor, hidesResult };
}

/** The descriptor as it may leave the node. */
export function keptDescriptor(word: number): number {
  const descriptor = word | 0;
  return (descriptor >= 0 && descriptor <= GREATEST_DESCRIPTOR) || descriptor === WORKING_DIRECTORY
    ? descriptor
    : -1;
}

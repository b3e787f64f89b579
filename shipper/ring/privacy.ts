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
  /** Results above it are set to 1. */
  readonly greatestResult: Uint32Array;
}

/** Call numbers above are not known to any table: nothing of them is kept. */
export const KNOWN_CALL_NUMBERS = 1_024;

/** Mark of the x32 interface of x86_64, which shares the numbers (arch/x86/include/uapi/asm/unistd.h). */
export const X32_BIT = 0x4000_0000;

/**
 * Greatest descriptor that is kept: the kernel's default limit (fs.nr_open, include/linux/fs.h NR_OPEN). A greater
 * word in a descriptor's place may be an address, as of a 32-bit program whose call numbers mean other calls.
 */
const GREATEST_DESCRIPTOR = 1_048_576;

/**
 * Greatest result that is kept of a call that returns no descriptor, whatever the table says of it: numbers of
 * 32-bit programs mean other calls (45 is their brk and everybody else's recvfrom), and the events do not say whose
 * they are. Below this nothing is mapped: vm.mmap_min_addr is 32,768 on ARM, 65,536 elsewhere (mm/Kconfig,
 * DEFAULT_MMAP_MIN_ADDR). Of greater results the method only wants to know that they are no errors.
 */
const GREATEST_RESULT = 32_767;

/** AT_FDCWD (include/uapi/linux/fcntl.h): "the working directory" in a descriptor's place. */
const WORKING_DIRECTORY = -100;

/** Results that are registers of the interrupted program, not results (rt_sigreturn(2)). */
const RETURNS_REGISTER = new Set(['rt_sigreturn']);

/** Later calls on the same descriptor are told apart by what made it. No 32-bit call of their numbers returns an address. */
const RETURNS_DESCRIPTOR = new Set(
  (
    'open openat openat2 creat socket accept accept4 epoll_create epoll_create1 eventfd eventfd2 timerfd_create ' +
    'signalfd signalfd4 inotify_init inotify_init1 memfd_create dup dup2 dup3 pidfd_open pidfd_getfd userfaultfd ' +
    'io_uring_setup'
  ).split(' '),
);

export function callPrivacy(architecture: Architecture): CallPrivacy {
  const keepsDescriptor = new Uint8Array(KNOWN_CALL_NUMBERS);
  const greatestResult = new Uint32Array(KNOWN_CALL_NUMBERS);
  for (let number = 0; number < KNOWN_CALL_NUMBERS; number++) {
    const name = callName(architecture, number);
    if (takesDescriptorFirst.has(name)) keepsDescriptor[number] = 1;
    if (RETURNS_DESCRIPTOR.has(name)) greatestResult[number] = GREATEST_DESCRIPTOR;
    else if (!returnsAddress.has(name) && !RETURNS_REGISTER.has(name))
      greatestResult[number] = GREATEST_RESULT;
  }
  return { keepsDescriptor, greatestResult };
}

/** The descriptor as it may leave the node. */
export function keptDescriptor(word: number): number {
  const descriptor = word | 0;
  return (descriptor >= 0 && descriptor <= GREATEST_DESCRIPTOR) || descriptor === WORKING_DIRECTORY
    ? descriptor
    : -1;
}

import type { Architecture } from '../trace.ts';
import { ARM64_CALLS } from './arm64-calls.ts';
import { numberedNames } from './numbered-names.ts';
import { X86_64_CALLS } from './x86-64-calls.ts';

const tables: Readonly<Record<Architecture, readonly (string | undefined)[]>> = {
  x86_64: numberedNames(X86_64_CALLS),
  arm64: numberedNames(ARM64_CALLS),
};

/** Marks a call of the x32 interface of x86_64 (arch/x86/include/uapi/asm/unistd.h). */
const X32_BIT = 0x4000_0000;

/** Name of a call number without prefix; `syscall_N` for a number that the table does not know. */
export function callName(architecture: Architecture, number: number): string {
  const plain = architecture === 'x86_64' && number > 0 ? number & ~X32_BIT : number;
  return tables[architecture][plain] ?? `syscall_${number}`;
}

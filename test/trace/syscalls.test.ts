import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { callName } from '../../trace/syscalls/call-names.ts';
import { neverReturns, returnsAddress, takesDescriptorFirst } from '../../trace/syscalls/call-traits.ts';
import { errnoNames, errnoNumbers } from '../../trace/syscalls/errno.ts';

const HEADER = '/usr/include/x86_64-linux-gnu/asm/unistd_64.h';

describe('callName', () => {
  it.each([
    ['x86_64', 0, 'read'],
    ['x86_64', 59, 'execve'],
    ['x86_64', 202, 'futex'],
    ['x86_64', 231, 'exit_group'],
    ['x86_64', 281, 'epoll_pwait'],
    ['x86_64', 332, 'statx'],
    ['x86_64', 462, 'mseal'],
    ['arm64', 22, 'epoll_pwait'],
    ['arm64', 57, 'close'],
    ['arm64', 63, 'read'],
    ['arm64', 79, 'newfstatat'],
    ['arm64', 98, 'futex'],
    ['arm64', 221, 'execve'],
    ['arm64', 462, 'mseal'],
  ] as const)('knows that %s calls %i %s', (architecture, number, name) => {
    expect(callName(architecture, number)).toBe(name);
  });

  it('names a number that the table does not know by the number', () => {
    expect(callName('x86_64', 999)).toBe('syscall_999');
    expect(callName('arm64', 244)).toBe('syscall_244');
    expect(callName('x86_64', -1)).toBe('syscall_-1');
  });

  it('knows the x32 form of a call of x86_64', () => {
    expect(callName('x86_64', 0x4000_0001)).toBe('write');
  });

  it.skipIf(!existsSync(HEADER))('agrees with the header of this machine', () => {
    const defined = [...readFileSync(HEADER, 'utf8').matchAll(/^#define __NR_(\w+) (\d+)$/gm)];
    expect(defined.length).toBeGreaterThan(300);
    for (const [, name, number] of defined) expect(callName('x86_64', Number(number))).toBe(name);
  });

  it('has every call that a reader treats in a special way, under the name that is used there', () => {
    const known = new Set(
      (['x86_64', 'arm64'] as const).flatMap((architecture) =>
        Array.from({ length: 512 }, (_, number) => callName(architecture, number)),
      ),
    );
    const special = [...takesDescriptorFirst, ...returnsAddress, ...neverReturns];
    // The others are calls of 32-bit processes, which only strace's text can name.
    expect(special.filter((name) => !known.has(name)).sort()).toEqual([
      ...['_llseek', 'fadvise64_64', 'fcntl64', 'fstat64', 'fstatat64', 'fstatfs64', 'ftruncate64', 'mmap2'],
      'sendfile64',
    ]);
  });
});

describe('errno', () => {
  it('agrees with this machine, and knows the kernel’s own restart codes', () => {
    for (const [name, number] of Object.entries(constants.errno)) {
      if (process.platform === 'linux') expect(errnoNumbers.get(name), name).toBe(number);
    }
    expect(errnoNames[512]).toBe('ERESTARTSYS');
    expect(errnoNumbers.get('ERESTART_RESTARTBLOCK')).toBe(516);
    expect(errnoNumbers.get('EWOULDBLOCK')).toBe(errnoNumbers.get('EAGAIN'));
  });
});

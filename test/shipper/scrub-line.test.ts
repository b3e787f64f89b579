import { describe, expect, it } from 'vitest';
import { scrubLine } from '../../shipper/strace/scrub-line.ts';

describe('a line of strace that is kept', () => {
  it.each([
    [
      '5922  1795405245.385297 read(0x3, 0x7f185e39a1b0, 0x5) = 0 <0.000013>',
      '5922 1795405245.385297 read(3) = 0 <0.000013>',
    ],
    [
      '5922  1795405245.385153 <... openat resumed>) = -1 ENOENT (No such file or directory) <0.000191>',
      '5922 1795405245.385153 <... openat resumed>) = -1 ENOENT () <0.000191>',
    ],
    [
      '5963  1795405245.385081 madvise(0x7f185d659000, 0x7fb000, 0x4 <unfinished ...>',
      '5963 1795405245.385081 madvise( <unfinished ...>',
    ],
    [
      '12 1795405245.385081 mmap(0, 0x1000, 0x3, 0x22, 0xffffffff, 0) = 0x7f185e026000 <0.000009>',
      '12 1795405245.385081 mmap() = 1 <0.000009>',
    ],
    [
      '12 1795405245.385081 clone(0x3d0f00, 0x7f1, 0x7f2, 0x7f3, 0x7f4) = 0x1723 <0.000204>',
      '12 1795405245.385081 clone(CLONE_THREAD) = 5923 <0.000204>',
    ],
    ['12 1795405245.391962 exit_group(0)   = ?', '12 1795405245.391962 exit_group() = ?'],
    ['12 1795405245.392988 +++ exited with 0 +++', '12 1795405245.392988 +++ exited with 0 +++'],
    [
      '12 1795405245.391962 openat(AT_FDCWD, "/home/secret/customer.txt", O_RDONLY) = 3 <0.000010>',
      '12 1795405245.391962 openat() = 3 <0.000010>',
    ],
    ['12 1795405245.391962 write(1, "password", 8) = 8', '12 1795405245.391962 write(1) = 8'],
  ])('says of %j only %j', (line, kept) => {
    expect(scrubLine(line)).toBe(kept);
  });

  it.each([
    'strace: Process 12 attached',
    '12 1795405245.3 --- SIGCHLD {si_pid=4} ---',
    'password=hunter2',
    '',
  ])('is none where %j says nothing of a call', (line) => {
    expect(scrubLine(line)).toBeNull();
  });
});

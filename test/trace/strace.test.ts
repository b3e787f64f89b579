import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readStrace } from '../../trace/readers/strace.ts';
import { NO_CPU, NO_FD, NO_RESULT, OPEN, type Trace } from '../../trace/trace.ts';

function read(lines: readonly string[], end = '\n'): Promise<Trace> {
  async function* once(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(lines.join('\n') + end);
  }
  return readStrace(once());
}

/** `call(fd) = result, enter + duration, pid/tid` of each row, in milliseconds. */
function rows(trace: Trace): string[] {
  return Array.from({ length: trace.length }, (_, row) => {
    const thread = trace.threads[trace.thread[row] ?? -1];
    const fd = trace.fd[row] === NO_FD ? '' : trace.fd[row];
    const result = trace.result[row] === NO_RESULT ? '?' : trace.result[row];
    const duration = trace.durationNs[row] === OPEN ? 'open' : (trace.durationNs[row] ?? Number.NaN) / 1e6;
    const name = trace.callNames[trace.call[row] ?? -1];
    return `${name}(${fd}) = ${result}, ${(trace.enterNs[row] ?? 0) / 1e6} + ${duration}, ${thread?.pid}/${thread?.tid}`;
  });
}

function skipped(trace: Trace): string[] {
  return trace.skips.map(
    ({ severity, count, reason, firstAt }) => `${severity} ${count} ${reason} @${firstAt}`,
  );
}

describe('readStrace', () => {
  it('reads the form of -o: bare ids, padded to five', async () => {
    const trace = await read([
      '9268  1795392282.698320 epoll_wait(6, [{events=EPOLLIN, data={u32=1, u64=2}}], 4097, 1000) = 1 <0.009000>',
      '12613 1795392282.708320 close(19)       = 0 <0.000010>',
    ]);
    expect(rows(trace)).toEqual([
      'epoll_wait(6) = 1, 0 + 9, 9268/9268',
      'close(19) = 0, 10 + 0.01, 12613/12613',
    ]);
    expect([...trace.cpu]).toEqual([NO_CPU, NO_CPU]);
    expect(trace.window).toEqual({ startSeconds: 1795392282.69832, endNs: 10_010_000, coveredFromNs: 0 });
    expect(trace.skips).toEqual([]);
  });

  it('reads the form of standard error: the first process has no prefix until there is a second', async () => {
    const trace = await read([
      'strace: Process 70 attached with 2 threads',
      '1795392282.000000 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD) = 75 <0.001000>',
      'strace: Process 75 attached',
      '[pid    75] 1795392282.002000 read(3,  <unfinished ...>',
      '[pid    70] 1795392282.003000 wait4(-1,  <unfinished ...>',
      '[pid    75] 1795392282.004000 <... read resumed>"a) = 7 <b", 100) = 10 <0.002000>',
      '[pid    75] 1795392282.005000 exit_group(0) = ?',
      '[pid    75] 1795392282.006000 +++ exited with 0 +++',
      '1795392282.007000 <... wait4 resumed>[{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 75 <0.004000>',
    ]);
    expect(rows(trace)).toEqual([
      'clone() = 75, 0 + 1, 70/70',
      'read(3) = 10, 2 + 2, 75/75',
      'wait4() = 75, 3 + 4, 70/70',
      'exit_group() = ?, 5 + 0, 75/75',
    ]);
    expect(skipped(trace)).toEqual(["info 2 strace's own remarks @1", 'info 1 ends of threads @8']);
  });

  it('joins the lines that its own words break', async () => {
    const trace = await read([
      '1795392282.000000 vfork(strace: Process 71 attached',
      ' <unfinished ...>',
      '[pid    71] 1795392282.001000 close(3) = 0 <0.000100>',
      '[pid    70] 1795392282.002000 <... vfork resumed>) = 71 <0.002000>',
      '[pid    70] 1795392282.003000 clone(child_stack=NULL, flags=SIGCHLDstrace: Process 72 attached',
      ', child_tidptr=0x7f4c339fea10) = 72 <0.000298>',
      '[pid    70] 1795392282.004000 read(3, strace: Process 70 detached',
      'strace: Process 71 detached',
      ' <detached ...>',
    ]);
    expect(rows(trace)).toEqual([
      'vfork() = 71, 0 + 2, 70/70',
      'close(3) = 0, 1 + 0.1, 71/71',
      'clone() = 72, 3 + 0.298, 70/70',
      'read(3) = ?, 4 + open, 70/70',
    ]);
    expect(skipped(trace)).toEqual(["info 4 strace's own remarks @1"]);
  });

  it('splits at the last return mark and keeps the error as its number', async () => {
    const trace = await read([
      '7 1795392282.000000 read(5, "x) = 3 <0.5> ENOENT", 20) = -1 EAGAIN (Resource temporarily unavailable) <0.001000>',
      '7 1795392282.010000 pselect6(8, [3 4], [], NULL, NULL, NULL) = 1 (in [3]) <0.001000>',
      '7 1795392282.020000 poll([{fd=3, events=POLLIN}], 1, 0) = 0 (Timeout) <0.001000>',
      '7 1795392282.030000 ioctl(4, FIONREAD, [0]) = -1 EWHATEVER (Unknown error) <0.001000>',
      '7 1795392282.040000 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, -1, 0) = 0x7f8632490000 <0.001000>',
      '7 1795392282.050000 fcntl(9</var/log/x (1)>, F_GETFL) = 0x8802 (flags O_RDWR|O_NONBLOCK) <0.001000>',
      '7 1795392282.060000 openat(AT_FDCWD, "a", O_RDONLY) = 3</a> <0.001000>',
      '7 1795392282.070000 close(-1) = -1 EBADF (Bad file descriptor) <0.001000>',
      '7 1795392282.080000 syscall_0x1d7(0x3, 0x4) = 0 <0.001000>',
    ]);
    expect(rows(trace).map((row) => row.split(',')[0])).toEqual([
      'read(5) = -11',
      'pselect6() = 1',
      'poll() = 0',
      'ioctl(4) = -1',
      'mmap() = 0',
      'fcntl(9) = 34818',
      'openat() = 3',
      'close() = -9',
      'syscall_0x1d7() = 0',
    ]);
    expect(skipped(trace)).toEqual(['notice 1 error names that no table knows: the result is -1 @4']);
  });

  it('reads restarts, signals, ends, and returns that strace could not see', async () => {
    const trace = await read([
      '7 1795392282.000000 futex(0x7ffc, FUTEX_WAIT, 2, NULL) = ? ERESTARTSYS (To be restarted if SA_RESTART is set) <0.001000>',
      '7 1795392282.001000 --- SIGUSR1 {si_signo=SIGUSR1, si_code=SI_USER, si_pid=1, si_uid=0} ---',
      '7 1795392282.002000 rt_sigreturn({mask=[]}) = 202 <0.000100>',
      '7 1795392282.003000 futex(0x7ffc, FUTEX_WAIT, 2, NULL <unfinished ...>',
      '8 1795392282.004000 ???( <unfinished ...>',
      '8 1795392282.005000 <... ??? resumed>) = ?',
      '7 1795392282.006000 <... futex resumed>) = ? <unavailable>',
      '7 1795392282.007000 +++ killed by SIGKILL +++',
      '8 1795392282.008000 read(4,  <detached ...>',
    ]);
    expect(rows(trace)).toEqual([
      'futex() = -512, 0 + 1, 7/7',
      'rt_sigreturn() = 202, 2 + 0.1, 7/7',
      'futex() = ?, 3 + 3, 7/7',
      'read(4) = ?, 8 + open, 8/8',
    ]);
    expect(skipped(trace)).toEqual([
      'info 1 signals @2',
      'info 2 calls whose name strace could not tell (???) @5',
      'info 1 ends of threads @8',
    ]);
  });

  it('ends the open call of a thread that was killed: it was no hang', async () => {
    const trace = await read([
      '7 1795392282.000000 read(4,  <unfinished ...>',
      '8 1795392282.001000 read(5,  <unfinished ...>',
      '7 1795392282.002000 +++ killed by SIGKILL +++',
    ]);
    expect(rows(trace)).toEqual(['read(4) = ?, 0 + 2, 7/7', 'read(5) = ?, 1 + open, 8/8']);
  });

  it('names a restart after the call that the thread made before, and trusts no other name', async () => {
    const trace = await read([
      '7 1795392282.000000 restart_syscall(<... resuming interrupted read ...>) = 0 <0.001000>',
      '7 1795392282.002000 poll([{fd=3}], 1, 1000) = ? ERESTART_RESTARTBLOCK (Interrupted by signal) <0.001000>',
      '7 1795392282.004000 restart_syscall(<... resuming interrupted poll ...> <unfinished ...>',
      '7 1795392282.006000 <... restart_syscall resumed>) = 1 <0.002000>',
    ]);
    expect(rows(trace)).toEqual([
      'restart_syscall() = 0, 0 + 1, 7/7',
      'poll() = -516, 2 + 1, 7/7',
      'poll() = 1, 4 + 2, 7/7',
    ]);
  });

  it('gives threads to the process that made them', async () => {
    const trace = await read([
      '7 1795392282.000000 clone3({flags=CLONE_VM|CLONE_FS|CLONE_THREAD|CLONE_SYSVSEM, exit_signal=0}, 88 <unfinished ...>',
      '8 1795392282.001000 gettid() = 8 <0.000010>',
      '7 1795392282.002000 <... clone3 resumed> => {parent_tid=[8]}, 88) = 8 <0.002000>',
      '8 1795392282.003000 clone(child_stack=0x7f, flags=CLONE_VM|CLONE_THREAD, parent_tid=[9]) = 9 <0.000010>',
      '9 1795392282.004000 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD) = 10 <0.000010>',
      '10 1795392282.005000 getpid() = 10 <0.000010>',
    ]);
    expect(trace.threads.map(({ pid, tid }) => `${pid}/${tid}`)).toEqual(['7/7', '7/8', '7/9', '10/10']);
  });

  it('takes the time between lines for durations where -T is missing, and says what it cannot know', async () => {
    const trace = await read([
      '7 1795392282.000000 read(4, "", 1) = 0',
      '7 1795392282.001000 read(4,  <unfinished ...>',
      '7 1795392282.004000 <... read resumed>"", 1) = 0',
    ]);
    expect(rows(trace)).toEqual(['read(4) = 0, 0 + 0, 7/7', 'read(4) = 0, 1 + 3, 7/7']);
    expect(skipped(trace)).toEqual(['notice 1 calls without a duration: kept, with duration 0 @1']);
  });

  it('reads times of day, over midnight', async () => {
    const trace = await read([
      '7 23:59:59.999000 read(4, "", 1) = 0 <0.000100>',
      '7 00:00:00.001000 write(4, "", 1) = 0 <0.000100>',
    ]);
    expect(rows(trace)).toEqual(['read(4) = 0, 0 + 0.1, 7/7', 'write(4) = 0, 2 + 0.1, 7/7']);
    expect(trace.window.startSeconds).toBe(86_399.999);
    expect(skipped(trace)).toEqual(['notice 2 lines with a time of day but no date @1']);
  });

  it('reads relative times', async () => {
    const trace = await read([
      '     0.000000 read(4, "", 1) = 0 <0.000100>',
      '     0.002000 write(4, "", 1) = 0 <0.000100>',
      '     0.000500 close(4) = 0 <0.000100>',
    ]);
    expect(rows(trace)).toEqual([
      'read(4) = 0, 0 + 0.1, 0/0',
      'write(4) = 0, 2 + 0.1, 0/0',
      'close(4) = 0, 2.5 + 0.1, 0/0',
    ]);
  });

  it('counts what it does not understand, and a cut last line', async () => {
    const trace = await read(
      [
        '7 1795392282.000000 read(4, "", 1) = 0 <0.000100>',
        'Server started on port 80',
        ' > /usr/lib/libc.so.6(read+0x10) [0x1234]',
        '7 1795392282.000200 read(4, "no end',
        '7 1795392281.000000 close(4) = 0 <0.000100>',
        '7 1795392282.000900 write(4, "", 1) = 1',
      ],
      '',
    );
    expect(skipped(trace)).toEqual([
      'error 2 lines that are not strace output @2',
      "info 1 strace's own remarks @3",
      'notice 1 lines whose time lies before that of the line above: the clock was set, or the file is sorted @5',
      'loss 1 last line without an end: the text was cut there @6',
    ]);
    expect(rows(trace)).toEqual(['close(4) = 0, 0 + 0.1, 7/7', 'read(4) = 0, 1000 + 0.1, 7/7']);
  });

  it('reads back any calls that were written as strace text, on one line or on two', async () => {
    const call = fc.record({
      tid: fc.integer({ min: 1, max: 3 }),
      off: fc.integer({ min: 1, max: 1_500_000 }),
      on: fc.integer({ min: 1, max: 1_500_000 }),
      name: fc.constantFrom('read', 'write', 'epoll_wait', 'close'),
      fd: fc.integer({ min: 0, max: 70_000 }),
      text: fc.string({ maxLength: 12, unit: fc.constantFrom(...'ab) =<>1.?"[]') }),
      result: fc.integer({ min: 0, max: 1_000_000 }),
      split: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(call, { minLength: 1, maxLength: 40 }),
        fc.boolean(),
        async (calls, bracketed) => {
          const clock = new Map<number, number>();
          const lines: { micros: number; order: number; line: string }[] = [];
          const expected = calls.map(({ tid, off, on, name, fd, text, result, split }, index) => {
            const enter = (clock.get(tid) ?? 0) + off;
            clock.set(tid, enter + on);
            const line = (micros: number, rest: string): void => {
              const time = `${1795392282 + Math.floor(micros / 1e6)}.${String(micros % 1e6).padStart(6, '0')}`;
              const id = bracketed ? `[pid ${String(tid).padStart(5)}]` : String(tid).padEnd(5);
              lines.push({ micros, order: lines.length, line: `${id} ${time} ${rest}` });
            };
            const seconds = `<${Math.floor(on / 1e6)}.${String(on % 1e6).padStart(6, '0')}>`;
            if (split) {
              line(enter, `${name}(${fd},  <unfinished ...>`);
              line(enter + on, `<... ${name} resumed>"${text}", 9) = ${result} ${seconds}`);
            } else {
              line(enter, `${name}(${fd}, "${text}", 9) = ${result} ${seconds}`);
            }
            return { index, name, enter, on, fd, result, tid };
          });
          lines.sort((a, b) => a.micros - b.micros || a.order - b.order);
          expected.sort((a, b) => a.enter - b.enter || a.index - b.index);
          const trace = await read(lines.map(({ line }) => line));
          const first = lines[0]?.micros ?? 0;
          expect(rows(trace)).toEqual(
            expected.map(
              ({ name, enter, on, fd, result, tid }) =>
                `${name}(${fd}) = ${result}, ${((enter - first) * 1000) / 1e6} + ${(on * 1000) / 1e6}, ${tid}/${tid}`,
            ),
          );
          expect(trace.skips).toEqual([]);
        },
      ),
      { numRuns: 200 },
    );
  });
});

import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TraceError } from '../../trace/errors.ts';
import { MAX_LINE_BYTES } from '../../trace/lines.ts';
import { readPerfScript } from '../../trace/readers/perf-script.ts';
import { NO_CPU, NO_FD, NO_RESULT, NO_STACK, OPEN, type ReadOptions, type Trace } from '../../trace/trace.ts';

async function* once(text: string | Uint8Array): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

function read(lines: string | readonly string[], options?: ReadOptions): Promise<Trace> {
  return readPerfScript(once(typeof lines === 'string' ? lines : `${lines.join('\n')}\n`), options);
}

interface Row {
  readonly call: string;
  readonly enter: number;
  readonly duration: number;
  readonly result: number;
  readonly fd: number;
  readonly thread: string;
}

function rows(trace: Trace): Row[] {
  return Array.from({ length: trace.length }, (_, row) => {
    const thread = trace.threads[trace.thread[row] ?? -1];
    return {
      call: trace.callNames[trace.call[row] ?? -1] ?? '',
      enter: trace.enterNs[row] ?? Number.NaN,
      duration: trace.durationNs[row] ?? Number.NaN,
      result: trace.result[row] ?? Number.NaN,
      fd: trace.fd[row] ?? Number.NaN,
      thread: `${thread?.comm} ${thread?.pid}/${thread?.tid}`,
    };
  });
}

/** The stack of a call, innermost first. */
function stackOf(trace: Trace, row: number): string[] {
  const names: string[] = [];
  for (let node = trace.stack?.[row] ?? NO_STACK; node >= 0; node = trace.stacks?.parent[node] ?? -1) {
    const frame = trace.stacks?.frames[trace.stacks.frame[node] ?? -1];
    names.push(`${frame?.name} (${frame?.object})`);
  }
  return names;
}

function skipped(trace: Trace): string[] {
  return trace.skips.map(
    ({ severity, count, reason, firstAt }) => `${severity} ${count} ${reason} @${firstAt}`,
  );
}

describe('readPerfScript', () => {
  it('pairs enter and exit of each thread into calls, in nanoseconds from the first event', async () => {
    const trace = await read([
      '           nginx 28860/28860 [000]  2043.286839: raw_syscalls:sys_enter: NR 45 (e, 5654a8fded50, 400, 0, 0, 0)',
      '           nginx 28860/28861 [001]  2043.286840: raw_syscalls:sys_enter: NR 232 (9, 7f, 200, ffffffff, 0, 0)',
      '           nginx 28860/28860 [000]  2043.286845:  raw_syscalls:sys_exit: NR 45 = -11',
      '           nginx 28860/28861 [001]  2044.000000:  raw_syscalls:sys_exit: NR 232 = 1',
      '           nginx 28860/28861 [001]  2044.000001: raw_syscalls:sys_enter: NR 1 (10, 7f, 200, 0, 0, 0)',
    ]);
    expect(rows(trace)).toEqual([
      { call: 'recvfrom', enter: 0, duration: 6000, result: -11, fd: 14, thread: 'nginx 28860/28860' },
      {
        call: 'epoll_wait',
        enter: 1000,
        duration: 713_160_000,
        result: 1,
        fd: 9,
        thread: 'nginx 28860/28861',
      },
      {
        call: 'write',
        enter: 713_162_000,
        duration: OPEN,
        result: NO_RESULT,
        fd: 16,
        thread: 'nginx 28860/28861',
      },
    ]);
    expect([...trace.cpu]).toEqual([0, 1, 1]);
    expect(trace.window).toEqual({ startSeconds: 2043.286839, endNs: 713_162_000, coveredFromNs: 0 });
    expect(trace.skips).toEqual([]);
  });

  it.each([
    ['spaces', 'VM Periodic Tas'],
    ['a colon and brackets', 'a: [0] 1/2 1.5:'],
    ['the look of a header', '1/1 [0] 1.1: x:'],
    ['letters beyond ASCII', 'wörker'],
    ['digits at its end', 'worker 12'],
  ])('reads a thread name with %s', async (_, comm) => {
    const trace = await read([
      `${comm.padStart(16)}  1844/1919  [000]  3496.838667: raw_syscalls:sys_enter: NR 202 (7ff0, 81, 1, 0, 0, 0)`,
      `${comm.padStart(16)}  1844/1919  [000]  3496.838669:  raw_syscalls:sys_exit: NR 202 = 0`,
    ]);
    expect(rows(trace)).toEqual([
      { call: 'futex', enter: 0, duration: 2000, result: 0, fd: NO_FD, thread: `${comm} 1844/1919` },
    ]);
    expect(trace.skips).toEqual([]);
  });

  it('reads lines without process id or CPU, and says that threads then count as processes', async () => {
    const trace = await read([
      'redis-server 42 12.000001: raw_syscalls:sys_enter: NR 0 (8, 55, 4002, 8, 2, 3)',
      'redis-server 42 12.000002: raw_syscalls:sys_exit: NR 0 = 24',
      'redis-server 42 [003] 12.000003: raw_syscalls:sys_enter: NR 3 (8, 0, 0, 0, 0, 0)',
    ]);
    expect(trace.threads).toEqual([{ pid: 42, tid: 42, comm: 'redis-server' }]);
    expect([...trace.cpu]).toEqual([NO_CPU, 3]);
    expect(skipped(trace)).toEqual([
      'notice 3 lines without a process id: each thread counts as a process of its own @1',
    ]);
  });

  it('reads nanosecond times', async () => {
    const trace = await read([
      'a 1/1 [000] 12.000000001: raw_syscalls:sys_enter: NR 0 (8, 0, 0, 0, 0, 0)',
      'a 1/1 [000] 12.000000999: raw_syscalls:sys_exit: NR 0 = 24',
    ]);
    expect(rows(trace)[0]).toMatchObject({ enter: 0, duration: 998 });
  });

  it('reads the named events of syscalls:', async () => {
    const trace = await read([
      'a 1/1 [000] 1.000001: syscalls:sys_enter_read: fd: 0x0000000c, buf: 0x7ffd, count: 0x00000010',
      'a 1/1 [000] 1.000002: syscalls:sys_exit_read: 0xfffffffffffffff5',
      'a 1/1 [000] 1.000003: syscalls:sys_enter_newfstat: fd: 0x00000003, statbuf: 0x7ffc',
      'a 1/1 [000] 1.000004: syscalls:sys_exit_newfstat: 0x0',
    ]);
    expect(rows(trace)).toMatchObject([
      { call: 'read', fd: 12, result: -11, duration: 1000 },
      { call: 'fstat', fd: 3, result: 0, duration: 1000 },
    ]);
  });

  it('keeps the descriptor only of calls that take one, and no address', async () => {
    const trace = await read([
      'a 1/1 [000] 1.000001: raw_syscalls:sys_enter: NR 9 (0, 1000, 3, 22, ffffffff, 0)',
      'a 1/1 [000] 1.000002: raw_syscalls:sys_exit: NR 9 = 139638976421888',
      'a 1/1 [000] 1.000003: raw_syscalls:sys_enter: NR 257 (ffffff9c, 55, 0, 0, 0, 0)',
      'a 1/1 [000] 1.000004: raw_syscalls:sys_exit: NR 257 = 7',
      'a 1/1 [000] 1.000005: raw_syscalls:sys_enter: NR 12 (2ce5000, 0, 0, 0, 0, 0)',
      'a 1/1 [000] 1.000006: raw_syscalls:sys_exit: NR 12 = 47075328',
      'a 1/1 [000] 1.000007: raw_syscalls:sys_enter: NR 8 (7, 0, 2, 0, 0, 0)',
      'a 1/1 [000] 1.000008: raw_syscalls:sys_exit: NR 8 = 5000000000',
    ]);
    expect(rows(trace).map(({ call, fd, result }) => [call, fd, result])).toEqual([
      ['mmap', NO_FD, 0],
      ['openat', NO_FD, 7],
      ['brk', NO_FD, 0],
      ['lseek', 7, 0x7fff_ffff],
    ]);
  });

  it('numbers calls by the architecture that the header or the caller names', async () => {
    const lines = [
      'a 1/1 [000] 1.000001: raw_syscalls:sys_enter: NR 63 (8, 0, 0, 0, 0, 0)',
      'a 1/1 [000] 1.000002: raw_syscalls:sys_exit: NR 63 = 1',
      'a 1/1 [000] 1.000003: raw_syscalls:sys_enter: NR 999 (8, 0, 0, 0, 0, 0)',
    ];
    expect((await read(lines)).callNames).toEqual(['uname', 'syscall_999']);
    expect((await read(lines, { architecture: 'arm64' })).callNames).toEqual(['read', 'syscall_999']);
    const headed = await read(['# ========', '# arch : aarch64', '# ========', '#', ...lines]);
    expect([headed.architecture, headed.callNames[0]]).toEqual(['arm64', 'read']);
  });

  it('counts returns from before the window as normal, and lost halves as loss', async () => {
    const trace = await read([
      'a 1/1 [000] 1.000001: raw_syscalls:sys_exit: NR 232 = 1',
      'a 1/1 [000] 1.000002: raw_syscalls:sys_enter: NR 0 (8, 0, 0, 0, 0, 0)',
      'a 1/1 [000] 1.000003: raw_syscalls:sys_enter: NR 1 (9, 0, 0, 0, 0, 0)',
      'a 1/1 [000] 1.000004: raw_syscalls:sys_exit: NR 1 = 5',
      'a 1/1 [000] 1.000005: raw_syscalls:sys_exit: NR 3 = 0',
    ]);
    expect(rows(trace)).toMatchObject([
      { call: 'read', duration: 0, result: NO_RESULT },
      { call: 'write', duration: 1000, result: 5 },
    ]);
    expect(skipped(trace)).toEqual([
      'info 1 returns of calls that began before the window, or before a fork @1',
      'loss 1 calls whose return was not recorded: kept, with duration 0 and no result @3',
      'loss 1 returns whose beginning was not recorded @5',
    ]);
  });

  it('takes rt_sigreturn as returned by the exit with number -1', async () => {
    const trace = await read([
      'a 1/1 [000] 1.000001: raw_syscalls:sys_enter: NR 15 (0, 0, 0, 0, 0, 0)',
      'a 1/1 [000] 1.000002: raw_syscalls:sys_exit: NR -1 = 0',
    ]);
    expect(rows(trace)).toMatchObject([{ call: 'rt_sigreturn', duration: 1000, result: 0 }]);
    expect(trace.skips).toEqual([]);
  });

  it('names a restarted call after the call that it continues', async () => {
    const trace = await read([
      'a 1/1 [000] 1.000001: raw_syscalls:sys_enter: NR 7 (7ffc, 1, 3e8, 0, 0, 0)',
      'a 1/1 [000] 1.000002: raw_syscalls:sys_exit: NR 7 = -516',
      'a 1/1 [000] 1.000003: raw_syscalls:sys_enter: NR 219 (0, 0, 0, 0, 0, 0)',
      'a 1/1 [000] 1.500003: raw_syscalls:sys_exit: NR 219 = 0',
      'a 1/1 [000] 1.500004: raw_syscalls:sys_enter: NR 219 (0, 0, 0, 0, 0, 0)',
      'a 1/1 [000] 1.500005: raw_syscalls:sys_exit: NR 219 = -4',
    ]);
    expect(rows(trace).map(({ call, result }) => [call, result])).toEqual([
      ['poll', -516],
      ['poll', 0],
      ['restart_syscall', -4],
    ]);
    expect(trace.skips).toEqual([]);
  });

  it('does not take the end of a process for a hang', async () => {
    const trace = await read([
      'a 10/11 [000] 1.000001: raw_syscalls:sys_enter: NR 202 (7f, 80, 0, 0, 0, 0)',
      'a 20/20 [000] 1.000002: raw_syscalls:sys_enter: NR 0 (0, 80, 0, 0, 0, 0)',
      'a 10/10 [000] 1.000005: raw_syscalls:sys_enter: NR 231 (0, 0, 0, 0, 0, 0)',
    ]);
    expect(rows(trace)).toMatchObject([
      { call: 'futex', duration: 4000, result: NO_RESULT },
      { call: 'read', duration: OPEN },
      { call: 'exit_group', duration: 0 },
    ]);
  });

  it('keeps context switches, resolves their threads at the end, and ends the calls of dead threads', async () => {
    const trace = await read([
      'a b 1/1 [000] 1.000001: sched:sched_switch: prev_comm=a b prev_pid=1 prev_prio=120 prev_state=R+ ==> next_comm=c ==> d next_pid=2 next_prio=120',
      'c ==> d 2/2 [000] 1.000002: raw_syscalls:sys_enter: NR 0 (3, 0, 0, 0, 0, 0)',
      'c ==> d 2/2 [000] 1.000003: sched:sched_switch: c ==> d:2 [120] S ==> swapper/0:0 [120]',
      'e 1/5 [001] 1.000004: raw_syscalls:sys_enter: NR 202 (3, 0, 0, 0, 0, 0)',
      'e 1/5 [001] 1.000009: sched:sched_switch: prev_comm=e prev_pid=5 prev_prio=120 prev_state=X ==> next_comm=x next_pid=77 next_prio=-1',
    ]);
    const { switches } = trace;
    expect([...(switches?.timeNs ?? [])]).toEqual([0, 2000, 8000]);
    expect([...(switches?.cpu ?? [])]).toEqual([0, 0, 1]);
    expect([...(switches?.previous ?? [])]).toEqual([-1, 0, 1]);
    expect([...(switches?.next ?? [])]).toEqual([0, -1, -1]);
    expect([...(switches?.runnable ?? [])]).toEqual([1, 0, 0]);
    expect(rows(trace)).toMatchObject([{ duration: OPEN }, { duration: 5000 }]);
    expect(trace.skips).toEqual([]);
  });

  it('keeps user stacks as a trie, without the kernel, offsets and addresses', async () => {
    const trace = await read(
      [
        'a 1/1 [000] 1.000001: raw_syscalls:sys_enter: NR 0 (3, 0, 0, 0, 0, 0)',
        '\tffffffff81415591 __traceiter_sys_enter ([kernel.kallsyms])',
        '\tffffffffc0a01234 hook+0x12 ([some_module])',
        '\t          108f36 read+0x16 (/usr/lib/libc.so.6)',
        '\t           2af33 std::map<int, (anonymous namespace)::T>::get (int) const (/srv/app (deleted))',
        '\t           2af34 helper (inlined)',
        '\t           2af34 JS:~f /a b/x (1).js:10:2 (/tmp/perf-12.map)',
        '\t               0 [unknown] ([unknown])',
        '',
        'a 1/1 [000] 1.000002: raw_syscalls:sys_exit: NR 0 = 1',
        '\t          999999 other (/usr/lib/libc.so.6)',
        '',
        'a 1/1 [000] 1.000003: raw_syscalls:sys_enter: NR 1 (3, 0, 0, 0, 0, 0)',
        '\tffffffff81415591 __traceiter_sys_enter ([kernel.kallsyms])',
        '',
        'a 1/1 [000] 1.000004: raw_syscalls:sys_exit: NR 1 = 1',
        '\t          108f36 write (/usr/lib/libc.so.6)',
        '\t               0 [unknown] ([unknown])',
        '',
      ],
      { stacks: true },
    );
    expect(stackOf(trace, 0)).toEqual([
      'read (/usr/lib/libc.so.6)',
      'std::map<int, (anonymous namespace)::T>::get (int) const (/srv/app (deleted))',
      'helper (/tmp/perf-12.map)',
      'JS:~f /a b/x (1).js:10:2 (/tmp/perf-12.map)',
      '[unknown] ([unknown])',
    ]);
    // The enter of this call lost its stack: the exit's stands for it.
    expect(stackOf(trace, 1)).toEqual(['write (/usr/lib/libc.so.6)', '[unknown] ([unknown])']);
    expect(trace.stacks?.parent.length).toBe(6);
    expect(trace.skips).toEqual([]);
  });

  it('reads call chains with lines of source code between the frames', async () => {
    const trace = await read(
      [
        'a 1/1 [000] 1.000001: raw_syscalls:sys_enter: NR 0 (3, 0, 0, 0, 0, 0)',
        '\tffffffff81415591 __traceiter_sys_enter+0x12 ([kernel.kallsyms])',
        '  [kernel.kallsyms][ffffffff81415591]',
        '\t          108f36 read+0x16 (/usr/lib/libc.so.6)',
        '  read.c:26',
        '\t          108f37 main+0x16 (/srv/app)',
        '  main.c:3',
        '',
      ],
      { stacks: true },
    );
    expect(stackOf(trace, 0)).toEqual(['read (/usr/lib/libc.so.6)', 'main (/srv/app)']);
    expect(skipped(trace)).toEqual([
      'info 3 lines of source code in call chains (perf script -F srcline) @3',
    ]);
  });

  it('keeps no stacks where nobody asked for them', async () => {
    const text = gunzipSync(
      readFileSync(new URL('../fixtures/trace/redis-stacks.perf-script.gz', import.meta.url)),
    );
    const without = await readPerfScript(once(text));
    const withStacks = await readPerfScript(once(text), { stacks: true });
    expect([without.stack, without.stacks]).toEqual([null, null]);
    expect({ ...withStacks, stack: null, stacks: null }).toEqual(without);
    expect(new Set(stackOf(withStacks, 30)).has('main (/srv/src/redis-evict/src/redis-server)')).toBe(true);
  });

  it('counts other events, what perf lost, and what it does not understand, each with a remedy', async () => {
    const trace = await read([
      'a 1/1 [000] 1.000001: raw_syscalls:sys_enter: NR 0 (3, 0, 0, 0, 0, 0)',
      'a 1/1 [000] 1.000002: cpu-clock:',
      'a 1/1 1.000002:   250000 cpu-clock/freq=49/u: ',
      'lost 4 1/1 [000] 1.000003: PERF_RECORD_LOST lost 17',
      'Processed 100 events and lost 3 chunks!',
      'Segmentation fault',
      `x${'y'.repeat(MAX_LINE_BYTES)}`,
    ]);
    expect(skipped(trace)).toEqual([
      'info 2 events that are no system calls @2',
      'loss 17 events that perf lost @4',
      'loss 3 blocks of events that perf lost (each of unknown size) @5',
      'error 1 lines that are not perf script text @6',
      `error 1 lines of more than ${MAX_LINE_BYTES} bytes @7`,
    ]);
    expect(trace.losses).toEqual([{ cpu: 0, timeNs: expect.closeTo(2000, 0), events: 17 }]);
    for (const skip of trace.skips) expect(skip.remedy === '').toBe(skip.severity === 'info');
  });

  it('takes a line of exactly the longest length', async () => {
    const line = 'a 1/1 [000] 1.000001: raw_syscalls:sys_enter: NR 0 (3, 0, 0, 0, 0, 0)'.padStart(
      MAX_LINE_BYTES,
    );
    expect((await read([line])).length).toBe(1);
    await expect(read([` ${line}`])).rejects.toThrow(TraceError);
  });

  it('does not trust a last line without an end', async () => {
    const trace = await read(
      'a 1/1 [000] 1.000001: raw_syscalls:sys_enter: NR 0 (3, 0, 0, 0, 0, 0)\na 1/1 [000] 1.000002: raw_syscalls:sys_exit: NR 0 = 2',
    );
    expect(rows(trace)).toMatchObject([{ duration: OPEN, result: NO_RESULT }]);
    expect(skipped(trace)).toEqual(['loss 1 last line without an end: the text was cut there @2']);
  });

  it('sorts calls whose lines are out of order, and says so', async () => {
    const trace = await read([
      'a 1/1 [000] 1.000005: raw_syscalls:sys_enter: NR 0 (3, 0, 0, 0, 0, 0)',
      'b 2/2 [001] 1.000001: raw_syscalls:sys_enter: NR 1 (3, 0, 0, 0, 0, 0)',
      'b 2/2 [001] 1.000003: raw_syscalls:sys_exit: NR 1 = 1',
      'a 1/1 [000] 1.000006: raw_syscalls:sys_exit: NR 0 = 1',
    ]);
    expect(rows(trace)).toMatchObject([
      { call: 'write', enter: 0, duration: 2000 },
      { call: 'read', enter: 4000, duration: 1000 },
    ]);
    expect(trace.window.startSeconds).toBeCloseTo(1.000001, 9);
    expect(trace.skips).toMatchObject([{ severity: 'notice', count: 1 }]);
  });

  it('refuses a text without a call', async () => {
    await expect(read(['a 1/1 [000] 1.000002: cpu-clock:'])).rejects.toThrow(TraceError);
  });

  it('reads back any calls that were written as perf script text', async () => {
    const call = fc.record({
      thread: fc.integer({ min: 0, max: 3 }),
      off: fc.integer({ min: 1, max: 2_000_000 }),
      on: fc.integer({ min: 1, max: 2_000_000 }),
      number: fc.constantFrom(0, 1, 3, 44, 45, 232),
      fd: fc.integer({ min: 0, max: 70_000 }),
      result: fc.integer({ min: -133, max: 1_000_000 }),
    });
    const comm = fc.string({ minLength: 1, maxLength: 15, unit: fc.constantFrom(...'ab1 :/[]().=,-') });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 40 }), comm, async (calls, name) => {
        const clock = [0, 0, 0, 0];
        const events: { micros: number; order: number; line: string }[] = [];
        const expected = calls.map(({ thread, off, on, number, fd, result }, index) => {
          const enter = (clock[thread] ?? 0) + off;
          const exit = enter + on;
          clock[thread] = exit;
          const line = (micros: number, rest: string): void => {
            const time = `${7 + Math.floor(micros / 1e6)}.${String(micros % 1e6).padStart(6, '0')}`;
            const head = `${name.padStart(16)} ${String(500).padStart(5)}/${String(500 + thread).padEnd(5)} [00${thread}]`;
            events.push({ micros, order: events.length, line: `${head} ${time.padStart(12)}: ${rest}` });
          };
          line(enter, `raw_syscalls:sys_enter: NR ${number} (${fd.toString(16)}, 7f, 1, 0, 0, 0)`);
          line(exit, ` raw_syscalls:sys_exit: NR ${number} = ${result}`);
          return { index, enter, on, fd, result, thread };
        });
        events.sort((a, b) => a.micros - b.micros || a.order - b.order);
        const trace = await read(events.map(({ line }) => line));
        const first = events[0]?.micros ?? 0;
        expected.sort((a, b) => a.enter - b.enter || a.index - b.index);
        expect(
          rows(trace).map(({ enter, duration, fd, result, thread }) => [enter, duration, fd, result, thread]),
        ).toEqual(
          expected.map(({ enter, on, fd, result, thread }) => [
            (enter - first) * 1000,
            on * 1000,
            fd,
            result,
            `${name.trim()} 500/${500 + thread}`,
          ]),
        );
        expect(trace.skips).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });
});

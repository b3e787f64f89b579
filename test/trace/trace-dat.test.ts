import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TraceError } from '../../trace/errors.ts';
import { readTrace } from '../../trace/open-trace.ts';
import { MAX_CPUS } from '../../trace/readers/trace-dat/header.ts';
import { readRings } from '../../trace/readers/trace-dat/read-rings.ts';
import { NO_FD, NO_RESULT, OPEN, type Trace } from '../../trace/trace.ts';
import { RECORDING, type RingEvent, type RingPage, traceDat } from './synthetic-ring.ts';

const READ = 0;
const MMAP = 9;
const EXIT_GROUP = 231;
const RESTART_SYSCALL = 219;
const POLL = 7;
const FUTEX = 202;

const START_NS = 1_000_000_000_000;

const recordedFor = (seconds: number, threads = RECORDING.threads) => ({
  ...RECORDING,
  window: {
    ...RECORDING.window,
    startSeconds: START_NS / 1e9,
    coveredFromSeconds: START_NS / 1e9,
    endSeconds: START_NS / 1e9 + seconds,
  },
  threads,
});

function enter(afterNs: number, tid: number, call: number, value = 0n): RingEvent {
  return { timeNs: START_NS + afterNs, kind: 'enter', tid, call, value };
}

function exit(afterNs: number, tid: number, call: number, value = 0n): RingEvent {
  return { timeNs: START_NS + afterNs, kind: 'exit', tid, call, value };
}

async function* pieces(bytes: Uint8Array, size = 65_536): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

function read(bytes: Uint8Array, size?: number): Promise<Trace> {
  return readTrace(pieces(bytes, size));
}

function readPages(cpus: readonly (readonly RingPage[])[], seconds = 1): Promise<Trace> {
  return read(traceDat(cpus, recordedFor(seconds)));
}

function rows(trace: Trace) {
  return Array.from({ length: trace.length }, (_, i) => ({
    at: trace.enterNs[i],
    lasted: trace.durationNs[i],
    tid: trace.threads[trace.thread[i]!]!.tid,
    call: trace.callNames[trace.call[i]!],
    result: trace.result[i],
    fd: trace.fd[i],
    cpu: trace.cpu[i],
  }));
}

describe('the trace.dat reader', () => {
  it('pairs a call that is entered on one CPU and returns on another', async () => {
    const trace = await readPages([
      [{ events: [enter(100, 7, READ, 5n), enter(900, 7, POLL)] }],
      [{ events: [exit(400, 7, READ, 12n), exit(1_000, 7, POLL, -11n)] }],
    ]);
    expect(rows(trace)).toEqual([
      { at: 100, lasted: 300, tid: 7, call: 'read', result: 12, fd: 5, cpu: 0 },
      { at: 900, lasted: 100, tid: 7, call: 'poll', result: -11, fd: NO_FD, cpu: 0 },
    ]);
    expect(trace.skips).toEqual([]);
  });

  it('keeps time exact across gaps that do not fit into an event, and on machines up for years', async () => {
    const years = 5 * 365 * 24 * 3600 * 1e9;
    const events: RingEvent[] = [0, 1, 200_000_000, 200_000_003, 9e11].map((ns, i) => ({
      timeNs: START_NS + ns,
      kind: i % 2 === 0 ? 'enter' : 'exit',
      tid: 1,
      call: READ,
      value: 0n,
    }));
    const young = await readPages([[{ events }]], 1_000);
    expect([...young.enterNs]).toEqual([0, 200_000_000, 9e11]);
    expect([...young.durationNs]).toEqual([1, 3, OPEN]);
    const bytes = traceDat([[{ events }]], { ...recordedFor(1_000), schema: 'another' as never });
    const page = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 4096, 8);
    page.setBigUint64(0, page.getBigUint64(0, true) + BigInt(years), true);
    const old = await read(bytes);
    expect([...old.enterNs]).toEqual([...young.enterNs]);
    expect(old.window.startSeconds).toBeCloseTo((START_NS + years) / 1e9, 6);
  });

  it('lets a call stay open that has not returned when the window ends, and takes the end from the recorder', async () => {
    const trace = await readPages([[{ events: [enter(10, 3, FUTEX)] }]], 42);
    expect(rows(trace)).toMatchObject([{ call: 'futex', lasted: OPEN, result: NO_RESULT }]);
    expect(trace.window).toMatchObject({ startSeconds: START_NS / 1e9, endNs: 42e9 });
  });

  it('counts a return without its call as one from before the window', async () => {
    const trace = await readPages([[{ events: [exit(5, 3, FUTEX), enter(9, 3, READ)] }]]);
    expect(trace.length).toBe(1);
    expect(trace.skips).toMatchObject([{ severity: 'info', count: 1 }]);
  });

  it('gives no duration to a call whose return was lost with others on its CPU', async () => {
    const trace = await readPages([
      [
        { events: [enter(10, 3, READ), enter(20, 4, FUTEX)] },
        { events: [exit(5_000, 3, READ, 1n)], missed: 77 },
      ],
    ]);
    expect(rows(trace)).toMatchObject([
      { call: 'read', lasted: 0, result: NO_RESULT },
      { call: 'futex', lasted: 0, result: NO_RESULT },
    ]);
    expect(trace.losses).toEqual([{ cpu: 0, timeNs: 5_000, events: 77 }]);
    expect(trace.skips).toMatchObject([
      { reason: 'returns whose beginning was not recorded', severity: 'loss', count: 1 },
      { reason: expect.stringContaining('calls whose return was not recorded'), severity: 'loss', count: 2 },
    ]);
  });

  it('ends what the other threads of a process were in when it exits, and what it was in itself', async () => {
    const thread = (tid: number) => ({
      tid,
      tgid: 30,
      comm: 'x',
      exe: 'x',
      nsPid: [tid],
      cgroup: '',
      startSeconds: 0,
    });
    const events = [enter(10, 31, FUTEX), enter(20, 99, FUTEX), enter(500, 30, EXIT_GROUP)];
    const trace = await read(traceDat([[{ events }]], recordedFor(1, [thread(30), thread(31)])));
    expect(rows(trace)).toMatchObject([
      { tid: 31, lasted: 490 },
      { tid: 99, lasted: OPEN },
      { call: 'exit_group', lasted: 0 },
    ]);
    expect(trace.threads).toContainEqual({ pid: 30, tid: 31, comm: 'x' });
  });

  it('names a restarted call like the call that it continues', async () => {
    const events = [
      enter(0, 5, POLL),
      exit(10, 5, POLL, -516n),
      enter(11, 5, RESTART_SYSCALL),
      exit(30, 5, RESTART_SYSCALL, 1n),
    ];
    expect(rows(await readPages([[{ events }]]))).toMatchObject([
      { call: 'poll', lasted: 10, result: -516 },
      { call: 'poll', lasted: 19, result: 1 },
    ]);
  });

  it('keeps of an address that a call returned only that it succeeded', async () => {
    const events = [
      enter(0, 5, MMAP),
      exit(1, 5, MMAP, 0x7f12_3456_7000n),
      enter(2, 5, MMAP),
      exit(3, 5, MMAP, -12n),
    ];
    expect(rows(await readPages([[{ events }]])).map(({ result }) => result)).toEqual([0, -12]);
  });

  it('reads context switches with their threads, and who was preempted', async () => {
    const switches: RingEvent[] = [
      { timeNs: START_NS + 5, kind: 'switch', tid: 8, call: 0, value: 9n },
      { timeNs: START_NS + 7, kind: 'switch', tid: 9, call: 1, value: 8n },
    ];
    const trace = await readPages([
      [{ events: [enter(1, 8, READ), switches[0]!] }],
      [{ events: [switches[1]!] }],
    ]);
    expect([...trace.switches!.timeNs]).toEqual([5, 7]);
    expect([...trace.switches!.previous]).toEqual([0, -1]);
    expect([...trace.switches!.next]).toEqual([-1, 0]);
    expect([...trace.switches!.runnable]).toEqual([1, 0]);
  });

  it('passes over discarded and foreign events without losing the time', async () => {
    const foreign: RingEvent = { timeNs: START_NS + 50, kind: 'other', tid: 1, call: 0, value: 0n };
    const events = [
      enter(10, 1, READ),
      { ...foreign, kind: 'padding' as const },
      { ...foreign, timeNs: START_NS + 60 },
      exit(100, 1, READ),
    ];
    const trace = await readPages([[{ events }]]);
    expect(rows(trace)).toMatchObject([{ at: 10, lasted: 90 }]);
    expect(trace.skips).toMatchObject([{ severity: 'info', count: 1 }]);
  });

  it('reads a file that ends early as far as it goes, and says so', async () => {
    const events = (from: number) =>
      Array.from({ length: 40 }, (_, i) =>
        i % 2 === 0 ? enter(from + i, 1, READ) : exit(from + i, 1, READ),
      );
    const whole = traceDat([[{ events: events(0) }, { events: events(1_000) }]], recordedFor(1));
    const trace = await read(whole.subarray(0, whole.length - 3_500));
    expect(trace.length).toBeGreaterThan(20);
    expect(trace.length).toBeLessThan(40);
    expect(trace.skips.find(({ reason }) => reason.includes('end of the file'))?.severity).toBe('loss');
  });

  it('gives the same trace however the input is cut into chunks', async () => {
    const bytes = traceDat([[{ events: [enter(0, 1, READ), exit(3, 1, READ)] }]], recordedFor(1));
    expect(await read(bytes, 100)).toEqual(await read(bytes));
    expect(await read(bytes, 7)).toEqual(await read(bytes));
  });

  it('throws nothing but TraceError, whatever is cut off or overwritten', async () => {
    const bytes = traceDat(
      [
        [{ events: [enter(0, 1, READ), exit(3, 1, READ)] }, { events: [enter(9, 1, READ)], missed: 3 }],
        [{ events: [enter(4, 2, FUTEX)] }],
      ],
      recordedFor(1),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: bytes.length }),
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 40 }),
        async (length, changes) => {
          const broken = Buffer.from(bytes);
          for (const [at, value] of changes) broken[at] = value;
          try {
            const trace = await read(broken.subarray(0, length));
            for (let i = 1; i < trace.length; i++) {
              expect(trace.enterNs[i]).toBeGreaterThanOrEqual(trace.enterNs[i - 1]!);
            }
          } catch (error) {
            expect(error).toBeInstanceOf(TraceError);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('names the version of a file that it does not read, and the command that converts it', async () => {
    const seven = Buffer.from('\x17\x08\x44tracing7\0\0\x08\0\x10\0\0', 'latin1');
    await expect(read(seven)).rejects.toThrow(/version 7.*trace-cmd convert --file-version 6/);
  });

  it('refuses a file without system calls, and names the command that records them', async () => {
    const other: RingEvent = { timeNs: START_NS, kind: 'other', tid: 1, call: 0, value: 0n };
    await expect(readPages([[{ events: [other] }]])).rejects.toThrow(/no system call.*raw_syscalls/);
  });

  it('takes as many calls as a trace may have, and refuses one more with what to do', async () => {
    const page = { events: [enter(0, 1, READ), exit(3, 1, READ), enter(5, 1, READ), exit(7, 1, READ)] };
    const file = () => pieces(traceDat([[page], [page]], recordedFor(1)));
    const { rings } = await readRings(file(), 4);
    expect(rings.map(({ enters }) => enters)).toEqual([2, 2]);
    await expect(readRings(file(), 3)).rejects.toThrow(/more than 3 system calls in one trace: .*--window/);
  });

  it('takes as many CPUs as a kernel may have, and refuses one more', async () => {
    const cpus = (count: number): RingPage[][] => [
      [{ events: [enter(0, 1, READ), exit(3, 1, READ)] }],
      ...Array.from({ length: count - 1 }, () => []),
    ];
    expect((await readPages(cpus(MAX_CPUS))).length).toBe(1);
    await expect(readPages(cpus(MAX_CPUS + 1))).rejects.toThrow(
      /8193 CPUs in its header, and the limit is 8192/,
    );
  });
});

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasCommand } from '../../bench/cpu-time.ts';
import { missingForRing, startRing, writeCut } from '../../bench/ring-recording.ts';
import { readTrace } from '../../trace/open-trace.ts';
import { readTraceFile } from '../../trace/read-trace-file.ts';
import { mergeRings } from '../../trace/readers/trace-dat/merge-rings.ts';
import {
  chunkWithRoom,
  newRing,
  type Ring,
  START,
  TID,
  TIMES,
  WORDS,
} from '../../trace/readers/trace-dat/ring-records.ts';
import { callName } from '../../trace/syscalls/call-names.ts';
import { NO_FD, NO_RESULT, OPEN, type Trace } from '../../trace/trace.ts';
import { RECORDING, type RingPage, traceDat } from './synthetic-ring.ts';

const START_NS = 1_000_000_000_000;
const [READ, POLL, MMAP, EXIT, RESTART, EXIT_GROUP] = [0, 7, 9, 60, 219, 231];
/** The number of a call that a tracer took out, and of rt_sigreturn's return. */
const NO_CALL = -1;
const RESTART_BLOCK = -516;
const ADDRESS = 0x7f00_0000_0000;
const LEAST = -0x8000_0000;

interface Event {
  readonly atNs: number;
  /** `death`: a context switch away from the thread, which has ended. */
  readonly kind: 'enter' | 'exit' | 'death';
  readonly cpu: number;
  readonly tid: number;
  readonly call: number;
  /** Result, or first argument. */
  readonly value: number;
  /** The CPU lost events before this one; it is then the first on its page. */
  readonly isBehindLoss: boolean;
}

/** Threads 1 and 2 are one process. */
const processOf = (tid: number): number => (tid === 2 ? 1 : tid);

/** Whether or not they make sense: a recorder may lose any of them, a file may be damaged. */
const events = (most: number, loses: boolean): fc.Arbitrary<Event[]> =>
  fc
    .array(
      fc.record({
        kind: fc.oneof(
          { weight: 12, arbitrary: fc.constantFrom('enter' as const, 'exit' as const) },
          { weight: 1, arbitrary: fc.constant('death' as const) },
        ),
        cpu: fc.nat(2),
        tid: fc.integer({ min: 1, max: 3 }),
        call: fc.oneof(
          { weight: 6, arbitrary: fc.constantFrom(READ, POLL) },
          { weight: 2, arbitrary: fc.constantFrom(MMAP, EXIT, EXIT_GROUP, NO_CALL) },
          { weight: 2, arbitrary: fc.constant(RESTART) },
        ),
        value: fc.oneof(fc.constantFrom(0, 5, -11, ADDRESS, LEAST), fc.constant(RESTART_BLOCK)),
        isBehindLoss: loses ? fc.nat(24).map((n) => n === 0) : fc.constant(false),
      }),
      { minLength: 1, maxLength: most },
    )
    .map((list) => list.map((event, i) => ({ ...event, atNs: 10 * (i + 1) })));

/** Threads that make sense, on whichever CPU: each call is entered and returned from. */
const calls = (count: number): fc.Arbitrary<Event[]> =>
  fc
    .array(
      fc.record({ tid: fc.integer({ min: 1, max: 4 }), call: fc.constantFrom(READ, POLL), cpu: fc.nat(2) }),
      {
        minLength: count,
        maxLength: count,
      },
    )
    .map((steps) => {
      const open = new Map<number, number>();
      return steps.map(({ tid, call, cpu }, i): Event => {
        const entered = open.get(tid);
        if (entered === undefined) open.set(tid, call);
        else open.delete(tid);
        const what = { atNs: 10 * (i + 1), cpu, tid, value: i % 7, isBehindLoss: false };
        return entered === undefined
          ? { ...what, kind: 'enter', call }
          : { ...what, kind: 'exit', call: entered };
      });
    });

/** prev_state of a thread that has ended (EXIT_DEAD, include/linux/sched.h). */
const DEAD = 0x10;

function pagesOf(list: readonly Event[]): RingPage[][] {
  return [0, 1, 2].map((cpu) => {
    const pages: { events: RingPage['events'][number][]; missed: number | null }[] = [];
    for (const { kind, tid, call, value, atNs, isBehindLoss } of list.filter((event) => event.cpu === cpu)) {
      if (pages.length === 0 || isBehindLoss || pages.at(-1)!.events.length === 40) {
        pages.push({ events: [], missed: isBehindLoss ? -1 : null });
      }
      pages
        .at(-1)!
        .events.push(
          kind === 'death'
            ? { timeNs: START_NS + atNs, kind: 'switch', tid, call: DEAD, value: 0n }
            : { timeNs: START_NS + atNs, kind, tid, call, value: BigInt(value) },
        );
    }
    return pages;
  });
}

/** The events as the kernel's rings. */
function ringsOf(list: readonly Event[]): Buffer {
  const seconds = START_NS / 1e9;
  return traceDat(pagesOf(list), {
    ...RECORDING,
    window: {
      ...RECORDING.window,
      startSeconds: seconds,
      coveredFromSeconds: seconds,
      endSeconds: seconds + 1,
    },
    threads: [1, 2, 3].map((tid) => ({
      ...{ tid, tgid: processOf(tid), comm: 'a', exe: 'a', nsPid: [tid], cgroup: '/', startSeconds: 0 },
    })),
  });
}

/** The events as perf script prints them. */
function textOf(list: readonly Event[]): Buffer {
  const lines = list.map(({ kind, cpu, tid, call, value, atNs }) => {
    const time = `${START_NS / 1e9}.${String(atNs).padStart(9, '0')}`;
    const head = `a ${processOf(tid)}/${tid} [00${cpu}] ${time}:`;
    if (kind === 'enter') {
      const argument = BigInt.asUintN(64, BigInt(value)).toString(16);
      return `${head} raw_syscalls:sys_enter: NR ${call} (${argument}, 0, 0, 0, 0, 0)`;
    }
    if (kind === 'exit') return `${head} raw_syscalls:sys_exit: NR ${call} = ${value}`;
    return `${head} sched:sched_switch: prev_comm=a prev_pid=${tid} prev_prio=120 prev_state=X ==> next_comm=b next_pid=0 next_prio=120`;
  });
  return Buffer.from(`${lines.join('\n')}\n`);
}

interface Row {
  atNs: number;
  lasted: number;
  tid: number;
  call: string;
  result: number;
  cpu: number;
  fd: number;
}

/** The definition (docs/formats.md): all events in the order of time, one after the other. */
function pairedByDefinition(list: readonly Event[]) {
  const rows: Row[] = [];
  const open = new Map<number, Row>();
  /** Threads whose first event is over. */
  const begun = new Set<number>();
  /** What a restart_syscall would continue; rows that one does continue. */
  const restarted = new Map<number, string>();
  const continuing = new Set<Row>();
  const processEnds = new Map<number, number>();
  const seenCpus = new Set<number>();
  let fromBefore = 0;
  let lostEnters = 0;
  let lostReturns = 0;
  const giveUp = (tid: number) => {
    open.get(tid)!.lasted = 0;
    open.delete(tid);
    lostReturns++;
  };
  const end = (tid: number) => {
    open.delete(tid);
    begun.delete(tid);
    restarted.delete(tid);
  };
  for (const { kind, cpu, tid, call, value, atNs, isBehindLoss } of list) {
    if (isBehindLoss && seenCpus.has(cpu)) {
      for (const [thread, row] of [...open]) if (row.cpu === cpu) giveUp(thread);
    }
    seenCpus.add(cpu);
    const name = callName('x86_64', call);
    const entered = open.get(tid);
    if (kind === 'death') {
      if (entered !== undefined) entered.lasted = atNs - entered.atNs;
      end(tid);
    } else if (kind === 'enter') {
      if (entered !== undefined) giveUp(tid);
      const continued = call === RESTART ? restarted.get(tid) : undefined;
      restarted.delete(tid);
      // The kernel looks at the low 32 bits of a descriptor.
      const fd = call === READ && (value | 0) >= 0 ? value | 0 : NO_FD;
      const row: Row = { atNs, lasted: OPEN, tid, call: continued ?? name, result: NO_RESULT, cpu, fd };
      rows.push(row);
      open.set(tid, row);
      begun.add(tid);
      if (continued !== undefined) continuing.add(row);
      if (call === EXIT_GROUP) processEnds.set(processOf(tid), atNs);
      if (call === EXIT || call === EXIT_GROUP) {
        row.lasted = 0;
        end(tid);
      }
    } else if (entered === undefined) {
      if (begun.has(tid)) lostEnters++;
      else fromBefore++;
      begun.add(tid);
    } else if (entered.call === name || call === NO_CALL || (call === RESTART && continuing.has(entered))) {
      entered.lasted = atNs - entered.atNs;
      const isAddress = entered.call === 'mmap' && value > 0;
      entered.result = isAddress ? 0 : Math.max(-0x7fff_ffff, Math.min(0x7fff_ffff, value));
      open.delete(tid);
      if (value === RESTART_BLOCK) restarted.set(tid, entered.call);
    } else {
      giveUp(tid);
      lostEnters++;
    }
  }
  for (const row of open.values()) {
    const endNs = processEnds.get(processOf(row.tid));
    if (endNs !== undefined && endNs >= row.atNs) row.lasted = endNs - row.atNs;
  }
  return { rows, fromBefore, lostEnters, lostReturns };
}

function pairedIn(trace: Trace) {
  const skipped = (start: string) => trace.skips.find(({ reason }) => reason.startsWith(start))?.count ?? 0;
  const startNs = Math.round(trace.window.startSeconds * 1e9) - START_NS;
  return {
    rows: Array.from(
      { length: trace.length },
      (_, i): Row => ({
        atNs: startNs + trace.enterNs[i]!,
        lasted: trace.durationNs[i]!,
        tid: trace.threads[trace.thread[i]!]!.tid,
        call: trace.callNames[trace.call[i]!]!,
        result: trace.result[i]!,
        cpu: trace.cpu[i]!,
        fd: trace.fd[i]!,
      }),
    ),
    fromBefore: skipped('returns of calls that began before'),
    lostEnters: skipped('returns whose beginning was not recorded'),
    lostReturns: skipped('calls whose return was not recorded'),
  };
}

async function paired(file: Buffer) {
  async function* whole() {
    yield file;
  }
  return pairedIn(await readTrace(whole()));
}

describe('calls and their returns, on any CPU', () => {
  it('are paired as the definition says, whatever events there are', async () => {
    await fc.assert(
      fc.asyncProperty(events(60, true), async (list) => {
        fc.pre(list.some(({ kind }) => kind !== 'death'));
        expect(await paired(ringsOf(list))).toEqual(pairedByDefinition(list));
      }),
      { numRuns: 1000 },
    );
  });

  it('are paired the same in the rings of a kernel and in the text of perf, whatever events there are', async () => {
    await fc.assert(
      fc.asyncProperty(events(60, false), async (list) => {
        fc.pre(list.some(({ kind }) => kind === 'enter'));
        const expected = pairedByDefinition(list);
        expect(await paired(textOf(list))).toEqual(expected);
        expect(await paired(ringsOf(list))).toEqual(expected);
      }),
      { numRuns: 1000 },
    );
  });

  it('are paired as the definition says in traces of more than one chunk of records', async () => {
    await fc.assert(
      fc.asyncProperty(calls(12_000), async (list) => {
        const expected = pairedByDefinition(list);
        expect(await paired(textOf(list))).toEqual(expected);
        expect(await paired(ringsOf(list))).toEqual(expected);
      }),
      { numRuns: 3 },
    );
  });

  it('are told apart where a thread comes back to a CPU out of the same call, entered on another', async () => {
    const at = (atNs: number, kind: 'enter' | 'exit', cpu: number, value: number): Event => ({
      ...{ atNs, kind, cpu, value, tid: 1, call: READ, isBehindLoss: false },
    });
    const list = [
      at(10, 'enter', 0, 0),
      at(20, 'exit', 1, 1),
      at(30, 'enter', 1, 0),
      at(40, 'exit', 1, 2),
      at(50, 'enter', 1, 0),
      at(60, 'exit', 0, 3),
    ];
    const { rows } = await paired(ringsOf(list));
    expect(rows.map(({ lasted, result }) => [lasted, result])).toEqual([
      [10, 1],
      [10, 2],
      [10, 3],
    ]);
  });
});

/** Pipes, children that end or are killed in a call, a signal's handler, a stopped sleep, threads that end together. */
const WORK = [
  'head -c 20000 /dev/zero | wc -c >/dev/null',
  'sleep 30 & sleep 0.1; kill $!; wait $!',
  "trap ':' USR1; for i in 1 2 3; do kill -USR1 $$; done",
  'sleep 0.4 & sleep 0.1; kill -STOP $!; sleep 0.1; kill -CONT $!; wait $!',
  `"${process.execPath}" -e "setTimeout(() => process.exit(), 100)"`,
].join('\n');

const missing = missingForRing() ?? (hasCommand('trace-cmd') ? null : 'trace-cmd is not installed');

/** What trace-cmd prints of a recording, in the form of perf script; `trace` tells the threads' processes. */
function asPerfScript(report: string, trace: Trace): Buffer {
  const pidOf = new Map(trace.threads.map(({ tid, pid }) => [tid, pid]));
  const EVENT = /^\s*(.*)-(\d+)\s+\[(\d+)\].*?(\d+\.\d+): (sys_enter|sys_exit|sched_switch):\s+(.*)$/;
  const lines = report.split('\n').flatMap((line) => {
    const [, comm, tid, cpu, time, event, rest] = EVENT.exec(line) ?? [];
    if (event === undefined) return [];
    const system = event === 'sched_switch' ? 'sched' : 'raw_syscalls';
    return [`${comm} ${pidOf.get(Number(tid)) ?? tid}/${tid} [${cpu}] ${time}: ${system}:${event}: ${rest}`];
  });
  return Buffer.from(`${lines.join('\n')}\n`);
}

describe('calls and their returns that a kernel has recorded', () => {
  const skipped = missing === null ? '' : ` (skipped: ${missing})`;
  it.skipIf(missing !== null)(`are paired the same from its rings and from text${skipped}`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'perfscope-test-'));
    const ring = startRing(folder, `test-pairing-${process.pid}`, [process.pid], 16 * 1024, true);
    try {
      await promisify(execFile)('sh', ['-c', WORK]);
      const file = join(folder, 'trace.dat');
      writeCut(await ring.finish(), file);
      const trace = await readTraceFile(file);
      const { stdout } = await promisify(execFile)('trace-cmd', ['report', '-t', '-i', file], {
        maxBuffer: 2 ** 28,
      });
      const inOrder = ({ rows, ...counts }: ReturnType<typeof pairedIn>) => ({
        ...counts,
        rows: rows.toSorted((a, b) => a.atNs - b.atNs || a.tid - b.tid),
      });
      const fromRings = inOrder(pairedIn(trace));
      expect(inOrder(await paired(asPerfScript(stdout, trace)))).toEqual(fromRings);
      const names = new Set(fromRings.rows.map(({ call }) => call));
      expect([...names]).toEqual(expect.arrayContaining(['read', 'rt_sigreturn', 'exit_group', 'wait4']));
      // Nothing was overwritten or dropped: nothing may pass for lost.
      expect(trace.skips.filter(({ severity }) => severity !== 'info')).toEqual([]);
    } finally {
      await ring.disarm();
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the records of several rings', () => {
  const ringOf = (cpu: number, times: readonly number[]): Ring => {
    const ring = newRing(cpu);
    for (const [i, time] of times.entries()) {
      const chunk = chunkWithRoom(ring, 1);
      chunk.times[chunk.length * TIMES + START] = time;
      chunk.words[chunk.length * WORDS + TID] = i;
      chunk.length++;
    }
    return ring;
  };

  it('are merged by time, those of equal times in the order of the rings', () => {
    const sorted = fc.array(fc.nat(30), { maxLength: 40 }).map((list) => list.sort((a, b) => a - b));
    fc.assert(
      fc.property(fc.array(sorted, { maxLength: 6 }), (rings) => {
        const expected = rings
          .flatMap((times, cpu) => times.map((time, i) => ({ time, cpu, i })))
          .sort((a, b) => a.time - b.time || a.cpu - b.cpu || a.i - b.i);
        const { batch, next } = mergeRings(rings.map((times, cpu) => ringOf(cpu, times)));
        const merged = [];
        for (let length = next(); length > 0; length = next()) {
          for (let i = 0; i < length; i++) {
            merged.push({ time: batch.startNs[i], cpu: batch.cpu[i], i: batch.tid[i] });
          }
        }
        expect(merged).toEqual(expected);
      }),
    );
  });

  it('are merged across chunks and batches', () => {
    const rings = [0, 1, 2].map((cpu) => Array.from({ length: 5_000 + cpu }, (_, i) => i * 3 + cpu));
    const { batch, next } = mergeRings(rings.map((times, cpu) => ringOf(cpu, times)));
    const merged: number[] = [];
    for (let length = next(); length > 0; length = next()) merged.push(...batch.startNs.subarray(0, length));
    expect(merged).toEqual(rings.flat().sort((a, b) => a - b));
  });
});

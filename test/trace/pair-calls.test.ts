import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTrace } from '../../trace/open-trace.ts';
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
import { NO_RESULT, OPEN } from '../../trace/trace.ts';
import { RECORDING, type RingPage, traceDat } from './synthetic-ring.ts';

const START_NS = 1_000_000_000_000;
const [READ, POLL, EXIT, RESTART, EXIT_GROUP] = [0, 7, 60, 219, 231];
const RESTART_BLOCK = -516;

interface Event {
  readonly atNs: number;
  readonly kind: 'enter' | 'exit';
  readonly cpu: number;
  readonly tid: number;
  readonly call: number;
  readonly result: number;
  /** The CPU lost events before this one; it is then the first on its page. */
  readonly isBehindLoss: boolean;
}

/** Whether or not they make sense: a recorder may lose any of them, a file may be damaged. */
const events = (most: number): fc.Arbitrary<Event[]> =>
  fc
    .array(
      fc.record({
        kind: fc.constantFrom('enter' as const, 'exit' as const),
        cpu: fc.nat(2),
        tid: fc.integer({ min: 1, max: 3 }),
        call: fc.oneof(
          { weight: 6, arbitrary: fc.constantFrom(READ, POLL) },
          { weight: 1, arbitrary: fc.constantFrom(EXIT, RESTART, EXIT_GROUP) },
        ),
        result: fc.constantFrom(0, 5, -11, RESTART_BLOCK),
        isBehindLoss: fc.nat(24).map((n) => n === 0),
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
        const what = { atNs: 10 * (i + 1), cpu, tid, result: i % 7, isBehindLoss: false };
        return entered === undefined
          ? { ...what, kind: 'enter', call }
          : { ...what, kind: 'exit', call: entered };
      });
    });

function pagesOf(list: readonly Event[]): RingPage[][] {
  return [0, 1, 2].map((cpu) => {
    const pages: { events: RingPage['events'][number][]; missed: number | null }[] = [];
    for (const { kind, tid, call, result, atNs, isBehindLoss } of list.filter((event) => event.cpu === cpu)) {
      if (pages.length === 0 || isBehindLoss || pages.at(-1)!.events.length === 40) {
        pages.push({ events: [], missed: isBehindLoss ? -1 : null });
      }
      pages.at(-1)!.events.push({ timeNs: START_NS + atNs, kind, tid, call, value: BigInt(result) });
    }
    return pages;
  });
}

function fileOf(list: readonly Event[]): Buffer {
  const seconds = START_NS / 1e9;
  return traceDat(pagesOf(list), {
    ...RECORDING,
    window: {
      ...RECORDING.window,
      startSeconds: seconds,
      coveredFromSeconds: seconds,
      endSeconds: seconds + 1,
    },
    threads: [],
  });
}

interface Row {
  atNs: number;
  lasted: number;
  tid: number;
  call: string;
  result: number;
  cpu: number;
}

/** The definition: all events in the order of time, one after the other. */
function pairedByDefinition(list: readonly Event[]) {
  const rows: Row[] = [];
  const open = new Map<number, Row>();
  const restarted = new Map<number, string>();
  const seenCpus = new Set<number>();
  let exitsWithoutEnter = 0;
  let lostReturns = 0;
  const giveUp = (tid: number) => {
    open.get(tid)!.lasted = 0;
    open.delete(tid);
    lostReturns++;
  };
  for (const { kind, cpu, tid, call, result, atNs, isBehindLoss } of list) {
    if (isBehindLoss && seenCpus.has(cpu)) {
      for (const [thread, row] of [...open]) if (row.cpu === cpu) giveUp(thread);
    }
    seenCpus.add(cpu);
    const name = callName('x86_64', call);
    const entered = open.get(tid);
    if (kind === 'enter') {
      if (entered !== undefined) giveUp(tid);
      const continued = call === RESTART ? restarted.get(tid) : undefined;
      restarted.delete(tid);
      const row: Row = { atNs, lasted: OPEN, tid, call: continued ?? name, result: NO_RESULT, cpu };
      rows.push(row);
      if (call !== EXIT && call !== EXIT_GROUP) open.set(tid, row);
      else row.lasted = 0;
      if (call === EXIT_GROUP) {
        // Every thread here is a process of its own.
        open.delete(tid);
      }
    } else if (entered === undefined) exitsWithoutEnter++;
    else if (entered.call !== name && call !== RESTART) {
      giveUp(tid);
      exitsWithoutEnter++;
    } else {
      entered.lasted = atNs - entered.atNs;
      entered.result = result;
      open.delete(tid);
      if (result === RESTART_BLOCK) restarted.set(tid, entered.call);
    }
  }
  return { rows, exitsWithoutEnter, lostReturns };
}

async function paired(list: readonly Event[]) {
  async function* whole() {
    yield fileOf(list);
  }
  const trace = await readTrace(whole());
  const skipped = (start: string) => trace.skips.find(({ reason }) => reason.startsWith(start))?.count ?? 0;
  return {
    rows: Array.from(
      { length: trace.length },
      (_, i): Row => ({
        atNs: trace.enterNs[i]!,
        lasted: trace.durationNs[i]!,
        tid: trace.threads[trace.thread[i]!]!.tid,
        call: trace.callNames[trace.call[i]!]!,
        result: trace.result[i]!,
        cpu: trace.cpu[i]!,
      }),
    ),
    exitsWithoutEnter: skipped('returns of calls that began before'),
    lostReturns: skipped('calls whose return was not recorded'),
  };
}

describe('calls and their returns, on any CPU', () => {
  it('are paired as the definition says, whatever events there are', async () => {
    await fc.assert(
      fc.asyncProperty(events(60), async (list) => {
        expect(await paired(list)).toEqual(pairedByDefinition(list));
      }),
      { numRuns: 500 },
    );
  });

  it('are paired as the definition says in traces of more than one chunk of records', async () => {
    await fc.assert(
      fc.asyncProperty(calls(12_000), async (list) => {
        expect(await paired(list)).toEqual(pairedByDefinition(list));
      }),
      { numRuns: 3 },
    );
  });

  it('are told apart where a thread comes back to a CPU out of the same call, entered on another', async () => {
    const at = (atNs: number, kind: 'enter' | 'exit', cpu: number, result: number): Event => ({
      ...{ atNs, kind, cpu, result, tid: 1, call: READ, isBehindLoss: false },
    });
    const list = [
      at(10, 'enter', 0, 0),
      at(20, 'exit', 1, 1),
      at(30, 'enter', 1, 0),
      at(40, 'exit', 1, 2),
      at(50, 'enter', 1, 0),
      at(60, 'exit', 0, 3),
    ];
    const { rows } = await paired(list);
    expect(rows.map(({ lasted, result }) => [lasted, result])).toEqual([
      [10, 1],
      [10, 2],
      [10, 3],
    ]);
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

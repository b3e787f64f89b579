/**
 * Text of strace, recorded by
 *
 *   strace -f -ttt -T -e signal=none -s 0 -o FILE -p PID
 *
 * Both output forms, -t, -tt, -r, unfinished and resumed calls, signals, exits and restarts are read. Where the
 * text is silent:
 * - without -T a call that stands on one line has an unknown duration: 0, with a notice; one that was printed
 *   as unfinished and resumed lasted from one line to the other;
 * - strace names threads, not processes: a thread made by clone with CLONE_THREAD belongs to its maker's
 *   process, every other is a process of its own;
 * - when strace attaches in the middle of a call it may print `resuming interrupted read` for any call, so that
 *   name is only taken where the thread made that call before.
 *
 * Privacy: of a call's arguments only the first is looked at, where it is a file descriptor, and the flags of
 * clone. Lines are parsed as text, not bytes: strace itself is two orders slower than this.
 */
import { assembleTrace } from '../assemble-trace.ts';
import { createCallColumns } from '../call-columns.ts';
import { createCallKinds } from '../call-kinds.ts';
import { ANY_KIND, createCallPairing, endThread, enterCall, exitCall, openKind } from '../call-pairing.ts';
import { forEachLine, type LineHandler } from '../lines.ts';
import { createSkipTable } from '../skip-table.ts';
import { RESTART } from '../syscalls/call-traits.ts';
import { errnoNumbers } from '../syscalls/errno.ts';
import { createThreadTable } from '../thread-table.ts';
import { NO_CPU, NO_FD, NO_RESULT, type ReadOptions, type Trace } from '../trace.ts';
import {
  hasTime,
  parseStraceLine,
  type StraceLine,
  type StraceReturn,
  type StraceStamp,
  splitInterrupted,
} from './strace-line.ts';
import {
  CLOCK_BACK,
  CUT_LINE,
  DAY_CLOCK,
  ENDS,
  NO_DURATION,
  NOT_UNDERSTOOD,
  REMARKS,
  SIGNALS,
  TOO_LONG,
  UNKNOWN_ERRNO,
  UNNAMED_CALL,
} from './strace-skips.ts';
import { textOf } from './text-of.ts';

const DAY_SECONDS = 86_400;
const UNNAMED = '???';
/** Id of a line that names no thread. */
const UNKNOWN_TID = 0;

export async function readStrace(
  chunks: AsyncIterable<Uint8Array>,
  options: ReadOptions = {},
): Promise<Trace> {
  const skips = createSkipTable();
  const kinds = createCallKinds();
  const columns = createCallColumns(false);
  const pairing = createCallPairing(columns, kinds, skips);
  const threads = createThreadTable();
  /** Threads whose open call is a clone with CLONE_THREAD. */
  const makingThread = new Set<number>();
  /** tid → the thread (index) that made it by clone with CLONE_THREAD. */
  const madeBy = new Map<number, number>();
  /** Processes that strace or clone named, so that a tid beyond them must be the first process. */
  const announced = new Set<number>();
  /** Threads that are there and have not ended; UNKNOWN_TID while the first one has no name yet. */
  const live = new Set<number>();

  let zeroSeconds = -1;
  let firstNs = Number.POSITIVE_INFINITY;
  let lastNs = 0;
  let previousNs = Number.NEGATIVE_INFINITY;
  /** Days passed since the first line of a -tt text. */
  let days = 0;

  const timeOf = (stamp: StraceStamp, at: number): number => {
    let timeNs: number;
    if (stamp.clock === 'relative') {
      if (zeroSeconds < 0) zeroSeconds = 0;
      const before = previousNs === Number.NEGATIVE_INFINITY ? 0 : previousNs;
      timeNs = before + stamp.seconds * 1e9 + stamp.fractionNs;
    } else {
      if (zeroSeconds < 0) zeroSeconds = stamp.seconds;
      timeNs = (stamp.seconds - zeroSeconds + days * DAY_SECONDS) * 1e9 + stamp.fractionNs;
      // A time of day that falls back by more than half a day has passed midnight.
      if (stamp.clock === 'day' && timeNs < previousNs - (DAY_SECONDS / 2) * 1e9) {
        days++;
        timeNs += DAY_SECONDS * 1e9;
      }
    }
    if (stamp.clock === 'day') skips.add(DAY_CLOCK, at);
    if (timeNs < previousNs) skips.add(CLOCK_BACK, at);
    previousNs = timeNs;
    if (timeNs < firstNs) firstNs = timeNs;
    if (timeNs > lastNs) lastNs = timeNs;
    return timeNs;
  };

  /**
   * Standard error names threads only while there are several: a line without an id is of the one that is left,
   * and the first id that nobody announced is the first thread's.
   */
  const tidOf = (printed: number): number => {
    if (printed !== UNKNOWN_TID) {
      const first = threads.findTid(UNKNOWN_TID);
      if (first >= 0 && threads.findTid(printed) < 0 && !announced.has(printed)) {
        threads.rename(first, printed);
        live.delete(UNKNOWN_TID);
      }
      live.add(printed);
      return printed;
    }
    if (live.size === 0) live.add(UNKNOWN_TID);
    for (const tid of live) return tid;
    return UNKNOWN_TID;
  };

  const threadOf = (printed: number): number => {
    const tid = tidOf(printed);
    return threads.find(tid, tid);
  };

  /** Name of a restart_syscall line: what it resumes, where that can be trusted. */
  const restarted = (thread: number, args: string): string => {
    const resumes = /^<\.\.\. resuming interrupted (\w+) \.\.\.>/.exec(args)?.[1];
    if (resumes === undefined || kinds.names[pairing.lastKind[thread] ?? ANY_KIND] !== resumes)
      return RESTART;
    return resumes;
  };

  const returnCall = (
    thread: number,
    kind: number,
    returned: StraceReturn,
    onOneLine: boolean,
    at: number,
  ): void => {
    const value = resultOf(returned);
    if (value === null) skips.add(UNKNOWN_ERRNO, at);
    const row = exitCall(pairing, thread, kind, value === null ? -1 : value, at);
    if (row < 0) return;
    if (returned.value === '?' && returned.errno === '') columns.result[row] = NO_RESULT;
    if (returned.durationNs !== null) {
      columns.durationNs[row] = returned.durationNs;
      const endNs = columns.enterNs[row]! + returned.durationNs;
      if (endNs > lastNs) lastNs = endNs;
    } else if (onOneLine && returned.value !== '?') {
      skips.add(NO_DURATION, at);
    }
    const child = Number(returned.value);
    if (child > 0 && isClone(kinds.names[kind] ?? '')) {
      announced.add(child);
      if (makingThread.has(thread)) madeBy.set(child, thread);
    }
  };

  const takeLine = (line: StraceLine | null, at: number): void => {
    if (line === null) {
      skips.add(NOT_UNDERSTOOD, at);
      return;
    }
    if (line.kind === 'remark') {
      skips.add(REMARKS, at);
      return;
    }
    if (line.kind === 'attached') {
      announced.add(line.tid);
      live.add(line.tid);
      skips.add(REMARKS, at);
      return;
    }
    pairing.nowNs[0] = timeOf(line, at);
    const thread = threadOf(line.tid);
    if (line.kind === 'signal') {
      skips.add(SIGNALS, at);
      return;
    }
    if (line.kind === 'ended') {
      endThread(pairing, thread);
      live.delete(threads.rows[thread]?.tid ?? UNKNOWN_TID);
      skips.add(ENDS, at);
      return;
    }
    if (line.name === UNNAMED) {
      skips.add(UNNAMED_CALL, at);
      return;
    }
    if (line.kind === 'call') {
      const name = line.name === RESTART ? restarted(thread, line.args) : line.name;
      const kind = kinds.intern(name);
      enterCall(
        pairing,
        thread,
        NO_CPU,
        kind,
        kinds.takesDescriptor[kind] ? firstNumber(line.args) : NO_FD,
        at,
      );
      if (isClone(name)) {
        if (line.args.includes('CLONE_THREAD')) makingThread.add(thread);
        else makingThread.delete(thread);
      }
      if (line.returned !== null && !kinds.neverReturns[kind]) {
        returnCall(thread, kind, line.returned, true, at);
      }
      return;
    }
    if (line.returned === null) return;
    if (kinds.neverReturns[kinds.intern(line.name)]) return;
    const open = openKind(pairing, thread);
    const named = kinds.intern(line.name);
    // A restart that was named after the call it continues is resumed under its own name.
    const kind = open !== ANY_KIND && line.name === RESTART ? open : named;
    returnCall(thread, kind, line.returned, false, at);
  };

  /** The beginning of a line that strace's own words broke; empty where there is none. */
  let begun = '';
  const takeText = (text: string, at: number): void => {
    let whole = text;
    if (begun !== '') {
      const words = parseStraceLine(text);
      if (words?.kind === 'attached' || words?.kind === 'remark') {
        takeLine(words, at);
        return;
      }
      // A line with a time of its own does not go on with the broken one, whose rest is lost then.
      if (hasTime(text)) skips.add(NOT_UNDERSTOOD, at);
      else whole = begun + text;
      begun = '';
    }
    const interrupted = splitInterrupted(whole);
    if (interrupted !== null) {
      begun = interrupted.begun;
      // Now, before the words tell of another thread: a line without an id is of those that are there already.
      threadOf(interrupted.tid);
    }
    takeLine(parseStraceLine(interrupted?.words ?? whole), at);
  };

  const lines: LineHandler<null> = {
    line(_, bytes, start, end, at) {
      if (start < end) takeText(textOf(bytes, start, end), at);
    },
    tooLong: (_, at) => skips.add(TOO_LONG, at),
    cut: (_, at) => skips.add(CUT_LINE, at),
  };
  await forEachLine(chunks, lines, null);

  for (const row of threads.rows) row.pid = processOf(row.tid, madeBy, threads.rows);

  return assembleTrace({
    format: 'strace',
    architecture: options.architecture ?? 'x86_64',
    columns,
    callNames: kinds.names,
    threads: threads.toThreads(),
    switches: null,
    stacks: null,
    losses: [],
    skips: skips.rows(),
    zeroSeconds: Math.max(0, zeroSeconds),
    firstNs: Number.isFinite(firstNs) ? firstNs : 0,
    lastNs,
  });
}

/** -errno, zero or a positive result; null where the error's name is in no table. */
function resultOf(returned: StraceReturn): number | null {
  if (returned.errno !== '') {
    const number = errnoNumbers.get(returned.errno);
    return number === undefined ? null : -number;
  }
  return returned.value === '?' ? 0 : Number(returned.value);
}

/** `3, …`, `3</path>, …` and `3)` as a descriptor. */
function firstNumber(args: string): number {
  const number = /^(\d{1,9})(?=[,<)]|$| )/.exec(args)?.[1];
  return number === undefined ? NO_FD : Number(number);
}

function isClone(name: string): boolean {
  return name === 'clone' || name === 'clone3';
}

/** Follows CLONE_THREAD from thread to maker; the visited set ends loops that reused tids could make. */
function processOf(
  tid: number,
  madeBy: ReadonlyMap<number, number>,
  rows: readonly { readonly tid: number }[],
): number {
  const visited = new Set<number>();
  let current = tid;
  for (;;) {
    const maker = madeBy.get(current);
    if (maker === undefined || visited.has(current)) return current;
    visited.add(current);
    current = rows[maker]!.tid;
  }
}

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
import { NO_CPU, NO_FD, NO_RESULT, type ReadOptions, type Trace } from '../trace.ts';
import {
  hasTime,
  parseStraceLine,
  type StraceLine,
  type StraceReturn,
  splitInterrupted,
} from './strace-line.ts';
import {
  CUT_LINE,
  ENDS,
  NO_DURATION,
  NOT_UNDERSTOOD,
  REMARKS,
  SIGNALS,
  TOO_LONG,
  UNKNOWN_ERRNO,
  UNNAMED_CALL,
} from './strace-skips.ts';
import { createStraceThreads } from './strace-threads.ts';
import { createLineTimes } from './strace-times.ts';
import { textOf } from './text-of.ts';

const UNNAMED = '???';

export async function readStrace(
  chunks: AsyncIterable<Uint8Array>,
  options: ReadOptions = {},
): Promise<Trace> {
  const reading = createStraceReading();
  await forEachLine(chunks, straceLines, reading);
  return assembleTrace({
    format: 'strace',
    architecture: options.architecture ?? 'x86_64',
    columns: reading.columns,
    callNames: reading.kinds.names,
    threads: reading.threads.toThreads(),
    switches: null,
    stacks: null,
    losses: [],
    skips: reading.skips.rows(),
    zeroSeconds: reading.times.zeroSeconds(),
    firstNs: reading.times.firstNs(),
    lastNs: reading.times.lastNs(),
  });
}

function createStraceReading() {
  const skips = createSkipTable();
  const kinds = createCallKinds();
  const columns = createCallColumns(false);
  return {
    skips,
    kinds,
    columns,
    pairing: createCallPairing(columns, kinds, skips),
    threads: createStraceThreads(),
    times: createLineTimes(skips),
    /** The beginning of a line that strace's own words broke; empty where there is none. */
    begun: '',
  };
}

type StraceReading = ReturnType<typeof createStraceReading>;

const straceLines: LineHandler<StraceReading> = {
  line(reading, bytes, start, end, at) {
    if (start < end) takeText(reading, textOf(bytes, start, end), at);
  },
  tooLong: ({ skips }, at) => skips.add(TOO_LONG, at),
  cut: ({ skips }, at) => skips.add(CUT_LINE, at),
};

/** Takes a line, or puts together what strace's own words broke. */
function takeText(reading: StraceReading, text: string, at: number): void {
  let whole = text;
  if (reading.begun !== '') {
    const words = parseStraceLine(text);
    if (words?.kind === 'attached' || words?.kind === 'remark') {
      takeLine(reading, words, at);
      return;
    }
    // A line with a time of its own does not go on with the broken one, whose rest is lost then.
    if (hasTime(text)) reading.skips.add(NOT_UNDERSTOOD, at);
    else whole = reading.begun + text;
    reading.begun = '';
  }
  const interrupted = splitInterrupted(whole);
  if (interrupted !== null) {
    reading.begun = interrupted.begun;
    // Now, before the words tell of another thread: a line without an id is of those that are there already.
    reading.threads.find(interrupted.tid);
  }
  takeLine(reading, parseStraceLine(interrupted?.words ?? whole), at);
}

function takeLine(reading: StraceReading, line: StraceLine | null, at: number): void {
  const { skips, pairing, threads } = reading;
  if (line === null) {
    skips.add(NOT_UNDERSTOOD, at);
    return;
  }
  if (line.kind === 'remark' || line.kind === 'attached') {
    if (line.kind === 'attached') threads.attached(line.tid);
    skips.add(REMARKS, at);
    return;
  }
  pairing.nowNs[0] = reading.times.timeOf(line, at);
  const thread = threads.find(line.tid);
  if (line.kind === 'signal') {
    skips.add(SIGNALS, at);
  } else if (line.kind === 'ended') {
    endThread(pairing, thread);
    threads.ended(thread);
    skips.add(ENDS, at);
  } else if (line.name === UNNAMED) {
    skips.add(UNNAMED_CALL, at);
  } else if (line.kind === 'call') {
    takeCall(reading, thread, line, at);
  } else {
    takeResumed(reading, thread, line, at);
  }
}

type CallLine = StraceLine & { readonly kind: 'call' };
type ResumedLine = StraceLine & { readonly kind: 'resumed' };

function takeCall(reading: StraceReading, thread: number, line: CallLine, at: number): void {
  const { kinds, pairing } = reading;
  const name = line.name === RESTART ? restarted(reading, thread, line.args) : line.name;
  const kind = kinds.intern(name);
  const fd = kinds.takesDescriptor[kind] ? firstNumber(line.args) : NO_FD;
  enterCall(pairing, thread, NO_CPU, kind, fd, at);
  if (isClone(name)) reading.threads.clones(thread, line.args.includes('CLONE_THREAD'));
  if (line.returned !== null && !kinds.neverReturns[kind]) {
    returnCall(reading, thread, kind, line.returned, true, at);
  }
}

function takeResumed(reading: StraceReading, thread: number, line: ResumedLine, at: number): void {
  const { kinds, pairing } = reading;
  if (line.returned === null) return;
  const named = kinds.intern(line.name);
  if (kinds.neverReturns[named]) return;
  const open = openKind(pairing, thread);
  // A restart that was named after the call it continues is resumed under its own name.
  const kind = open !== ANY_KIND && line.name === RESTART ? open : named;
  returnCall(reading, thread, kind, line.returned, false, at);
}

/** Name of a restart_syscall line: what it resumes, where that can be trusted. */
function restarted({ kinds, pairing }: StraceReading, thread: number, args: string): string {
  const resumes = /^<\.\.\. resuming interrupted (\w+) \.\.\.>/.exec(args)?.[1];
  if (resumes === undefined || kinds.names[pairing.lastKind[thread] ?? ANY_KIND] !== resumes) return RESTART;
  return resumes;
}

function returnCall(
  { columns, kinds, pairing, skips, threads, times }: StraceReading,
  thread: number,
  kind: number,
  returned: StraceReturn,
  onOneLine: boolean,
  at: number,
): void {
  const value = resultOf(returned);
  if (value === null) skips.add(UNKNOWN_ERRNO, at);
  const row = exitCall(pairing, thread, kind, value === null ? -1 : value, at);
  if (row < 0) return;
  if (returned.value === '?' && returned.errno === '') columns.result[row] = NO_RESULT;
  if (returned.durationNs !== null) {
    columns.durationNs[row] = returned.durationNs;
    times.lasts(columns.enterNs[row]! + returned.durationNs);
  } else if (onOneLine && returned.value !== '?') {
    skips.add(NO_DURATION, at);
  }
  const child = Number(returned.value);
  if (child > 0 && isClone(kinds.names[kind] ?? '')) threads.made(thread, child);
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

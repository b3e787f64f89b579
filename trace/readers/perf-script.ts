/**
 * Text of `perf script` for system calls, with or without call chains. Recorded and printed by
 *
 *   perf record -e raw_syscalls:sys_enter,raw_syscalls:sys_exit,sched:sched_switch -k CLOCK_MONOTONIC -p PID
 *   perf script -F comm,pid,tid,cpu,time,event,trace
 *
 * (profiles: `--call-graph` and the fields `ip,sym,dso` too). The named events syscalls:sys_enter_* are read as
 * well, and lines without process id or CPU. Other events are counted and passed over.
 *
 * Privacy: of a call's arguments only the first is looked at, and only where it is a file descriptor.
 *
 * Profiles have millions of lines, so the parser works on bytes in place, without a string or an object per line.
 */
import { Buffer } from 'node:buffer';
import { assembleTrace } from '../assemble-trace.ts';
import { createCallColumns } from '../call-columns.ts';
import { createCallKinds } from '../call-kinds.ts';
import { ANY_KIND, createCallPairing, descriptor } from '../call-pairing.ts';
import { forEachLine } from '../lines.ts';
import { createSkipTable } from '../skip-table.ts';
import { createSwitchColumns } from '../switch-columns.ts';
import { callName } from '../syscalls/call-names.ts';
import { ENDS_PROCESS } from '../syscalls/call-traits.ts';
import { createThreadTable } from '../thread-table.ts';
import {
  type Architecture,
  type Loss,
  NO_CPU,
  NO_FD,
  NO_STACK,
  OPEN,
  type ReadOptions,
  type Trace,
} from '../trace.ts';
import { createPerfHeader, readPerfHeader } from './perf-header.ts';
import { behindNumberMark, hexDescriptor } from './perf-numbers.ts';
import { isOtherEvent, parseLost } from './perf-other-lines.ts';
import {
  CLOCK_BACK,
  CUT_LINE,
  LOST_CHUNKS,
  LOST_EVENTS,
  NO_CALL_NUMBER,
  NOT_UNDERSTOOD,
  OTHER_EVENTS,
  THREADS_ONLY,
  TOO_LONG,
} from './perf-skips.ts';
import { createPerfStacks } from './perf-stacks.ts';
import { parseSchedSwitch } from './sched-switch.ts';

const TAB = 9;
const SPACE = 32;
const HASH = 35;
const MINUS = 45;
const ZERO = 48;
const NINE = 57;
const COLON = 58;
const EQUALS = 61;
const LOWER_C = 99;
const LOWER_H = 104;
const LOWER_N = 110;
const LOWER_S = 115;
const LOWER_Y = 121;
const UNDERSCORE = 95;

/** Call numbers that are looked up by index; larger ones exist only for broken or foreign input. */
const TABLE_NUMBERS = 1024;

export async function readPerfScript(
  chunks: AsyncIterable<Uint8Array>,
  options: ReadOptions = {},
): Promise<Trace> {
  const skips = createSkipTable();
  const kinds = createCallKinds();
  const columns = createCallColumns(options.stacks === true);
  const pairing = createCallPairing(columns, kinds, skips);
  const threads = createThreadTable();
  const switches = createSwitchColumns();
  const stacks = options.stacks === true ? createPerfStacks() : null;
  const losses: Loss[] = [];
  const header = createPerfHeader();
  const kindOfNumber = new Int32Array(TABLE_NUMBERS).fill(ANY_KIND);
  /** When each process made its exit_group call. */
  const processEndNs = new Map<number, number>();
  const commHash: number[] = [];

  let architecture: Architecture = options.architecture ?? 'x86_64';
  let zeroSeconds = -1;
  const { nowNs } = pairing;
  nowNs[0] = Number.NEGATIVE_INFINITY;
  /** Times of the first and the last event; in memory like `nowNs`, and for its reason. */
  const windowNs = new Float64Array([Number.POSITIVE_INFINITY, 0]);
  /** The thread that `header` names, or -1 while nobody has asked. */
  let headerThread = -1;
  /** The call that the call chain lines to come belong to, or -1 where nobody needs them. */
  let chainRow = -1;
  /** Where the event's colon stood in the last line with a call. */
  let markOffset = 0;

  const kindOf = (number: number): number => {
    if (number < 0 || number >= TABLE_NUMBERS) return kinds.intern(callName(architecture, number));
    const known = kindOfNumber[number]!;
    if (known !== ANY_KIND) return known;
    const kind = kinds.intern(callName(architecture, number));
    kindOfNumber[number] = kind;
    return kind;
  };

  const setTime = (at: number): void => {
    if (zeroSeconds < 0) zeroSeconds = header.seconds;
    const timeNs = (header.seconds - zeroSeconds) * 1e9 + header.fractionNs;
    if (timeNs < nowNs[0]!) skips.add(CLOCK_BACK, at);
    nowNs[0] = timeNs;
    if (timeNs < windowNs[0]!) windowNs[0] = timeNs;
    if (timeNs > windowNs[1]!) windowNs[1] = timeNs;
  };

  const threadOfHeader = (bytes: Uint8Array): number => {
    if (headerThread >= 0) return headerThread;
    headerThread = threads.find(header.pid, header.tid);
    let hash = header.commEnd - header.commStart;
    for (let i = header.commStart; i < header.commEnd; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0;
    if (commHash[headerThread] !== hash) {
      commHash[headerThread] = hash;
      threads.rows[headerThread]!.comm = text(bytes, header.commStart, header.commEnd);
    }
    return headerThread;
  };

  const endChain = (): void => {
    if (stacks === null || columns.stack === null || chainRow < 0) return;
    const node = stacks.endChain();
    if (node !== NO_STACK) columns.stack[chainRow] = node;
    chainRow = -1;
  };

  const entered = (bytes: Uint8Array, kind: number, fd: number, at: number): void => {
    setTime(at);
    if (!header.namesProcess) skips.add(THREADS_ONLY, at);
    const thread = threadOfHeader(bytes);
    const row = pairing.enter(thread, header.cpu < 0 ? NO_CPU : header.cpu, kind, fd, at);
    if (kinds.names[kind] === ENDS_PROCESS) processEndNs.set(header.pid, nowNs[0]!);
    chainRow = row;
  };

  const returned = (bytes: Uint8Array, kind: number, result: number, at: number): void => {
    setTime(at);
    if (!header.namesProcess) skips.add(THREADS_ONLY, at);
    const row = pairing.exit(threadOfHeader(bytes), kind, result, at);
    // The chain at the exit is that of the enter: it is read only where the enter's is missing.
    chainRow = row >= 0 && columns.stack !== null && columns.stack[row] === NO_STACK ? row : -1;
  };

  /** `raw_syscalls:sys_enter: NR 202 (566f960, 81, …)`, from behind the event's name. */
  const rawEnter = (bytes: Uint8Array, from: number, end: number, at: number): boolean => {
    let i = behindNumberMark(bytes, from, end);
    if (i < 0) return false;
    if (bytes[i] === MINUS) {
      setTime(at);
      skips.add(NO_CALL_NUMBER, at);
      return true;
    }
    const digits = i;
    let number = 0;
    for (; i < end && bytes[i]! >= ZERO && bytes[i]! <= NINE; i++) number = number * 10 + bytes[i]! - ZERO;
    if (i === digits || i >= end) return false;
    const kind = kindOf(number);
    let fd = NO_FD;
    if (kinds.takesDescriptor[kind]) fd = hexDescriptor(bytes, i + 2, end);
    entered(bytes, kind, fd, at);
    return true;
  };

  /** `raw_syscalls:sys_exit: NR 202 = -110`, from behind the event's name. */
  const rawExit = (bytes: Uint8Array, from: number, end: number, at: number): boolean => {
    let i = behindNumberMark(bytes, from, end);
    if (i < 0) return false;
    // rt_sigreturn returns into another context, whose call number is -1 (arch/x86/kernel/signal_64.c).
    const anyCall = bytes[i] === MINUS;
    if (anyCall) i++;
    const digits = i;
    let number = 0;
    for (; i < end && bytes[i]! >= ZERO && bytes[i]! <= NINE; i++) number = number * 10 + bytes[i]! - ZERO;
    if (i === digits) return false;
    while (i < end && (bytes[i] === SPACE || bytes[i] === EQUALS)) i++;
    const negative = bytes[i] === MINUS;
    if (negative) i++;
    const resultDigits = i;
    let result = 0;
    for (; i < end && bytes[i]! >= ZERO && bytes[i]! <= NINE; i++) result = result * 10 + bytes[i]! - ZERO;
    if (i === resultDigits || i !== end) return false;
    returned(bytes, anyCall ? ANY_KIND : kindOf(number), negative ? -result : result, at);
    return true;
  };

  /** `syscalls:sys_enter_read: fd: 0x3, …` and `syscalls:sys_exit_read: 0x10`, from the name behind `sys_e…_`. */
  const named = (bytes: Uint8Array, enter: boolean, from: number, end: number, at: number): boolean => {
    const colon = bytes.indexOf(COLON, from);
    if (colon < 0 || colon >= end) return false;
    const kind = kinds.intern(text(bytes, from, colon).replace(/^new(stat|lstat|fstat|uname)$/, '$1'));
    const rest = text(bytes, colon + 1, end);
    if (enter) {
      const first = kinds.takesDescriptor[kind] ? /^\s*\w+: (?:0x)?([0-9a-f]+)/.exec(rest)?.[1] : undefined;
      entered(
        bytes,
        kind,
        first === undefined ? NO_FD : descriptor(Number.parseInt(first.slice(-8), 16)),
        at,
      );
      return true;
    }
    const result = /^\s*(0x[0-9a-f]{1,16}|-?\d{1,19})\s*$/.exec(rest)?.[1];
    if (result === undefined) return false;
    returned(bytes, kind, Number(BigInt.asIntN(64, BigInt(result))), at);
    return true;
  };

  const switched = (bytes: Uint8Array, from: number, end: number, at: number): boolean => {
    const event = parseSchedSwitch(text(bytes, from, end));
    if (event === null) return false;
    setTime(at);
    switches.append(
      nowNs[0]!,
      header.cpu < 0 ? NO_CPU : header.cpu,
      event.previousTid,
      event.nextTid,
      event.runnable,
    );
    if (event.dead) {
      const thread = threads.findTid(event.previousTid);
      if (thread >= 0) pairing.threadEnded(thread);
    }
    return true;
  };

  const otherLine = (bytes: Uint8Array, start: number, end: number, at: number): void => {
    const line = text(bytes, start, end);
    if (bytes[start] === HASH) {
      const machine = /^# arch : (\S+)/.exec(line)?.[1];
      if (machine === 'aarch64' || machine === 'arm64') architecture = 'arm64';
      else if (machine === 'x86_64') architecture = 'x86_64';
      return;
    }
    const lost = parseLost(line);
    if (lost !== null) {
      if (lost.chunks) skips.add(LOST_CHUNKS, at, lost.count);
      else {
        const since = lost.seconds !== null && zeroSeconds >= 0 ? lost.seconds - zeroSeconds : null;
        losses.push({ cpu: lost.cpu, timeNs: since === null ? null : since * 1e9, events: lost.count });
        skips.add(LOST_EVENTS, at, lost.count);
      }
      return;
    }
    skips.add(isOtherEvent(line) ? OTHER_EVENTS : NOT_UNDERSTOOD, at);
  };

  /**
   * Takes the line where the colon at `mark` is that of `…syscalls:sys_e…` or `sched:sched_switch` with a header
   * before it: these words are longer than a thread's name can be, so no name is taken for them.
   */
  const event = (bytes: Uint8Array, start: number, mark: number, end: number, at: number): boolean => {
    if (bytes[mark + 1] !== LOWER_S) return false;
    if (bytes[mark + 2] === LOWER_Y && bytes[mark + 3] === LOWER_S && bytes[mark + 4] === UNDERSCORE) {
      const raw = bytes[mark - 9] === UNDERSCORE;
      if (!readPerfHeader(header, bytes, start, raw ? mark - 12 : mark - 8)) return false;
      if (!header.repeated) headerThread = -1;
      const enter = bytes[mark + 6] === LOWER_N;
      const after = mark + (enter ? 10 : 9);
      const understood =
        bytes[after] !== COLON
          ? named(bytes, enter, after + 1, end, at)
          : enter
            ? rawEnter(bytes, after + 1, end, at)
            : rawExit(bytes, after + 1, end, at);
      if (!understood) skips.add(NOT_UNDERSTOOD, at);
      markOffset = mark - start;
      return true;
    }
    if (bytes[mark + 2] === LOWER_C && bytes[mark + 3] === LOWER_H && bytes[mark + 13] === COLON) {
      if (!readPerfHeader(header, bytes, start, mark - 5)) return false;
      if (!header.repeated) headerThread = -1;
      if (!switched(bytes, mark + 14, end, at)) skips.add(NOT_UNDERSTOOD, at);
      return true;
    }
    return false;
  };

  await forEachLine(chunks, {
    line(bytes, start, end, at) {
      if (start === end) {
        endChain();
        return;
      }
      if (bytes[start] === TAB) {
        if (chainRow >= 0 && stacks !== null) stacks.frameLine(bytes, start, end);
        return;
      }
      endChain();
      // Columns are padded, so the mark mostly stands where it stood in the line before, or one byte beside.
      const guess = start + markOffset;
      for (let i = guess - 1; i <= guess + 1; i++) {
        if (i > start && i < end && bytes[i] === COLON && event(bytes, start, i, end, at)) return;
      }
      for (let i = start; i < end; i++) {
        if (bytes[i] === COLON && event(bytes, start, i, end, at)) return;
      }
      otherLine(bytes, start, end, at);
    },
    tooLong: (at) => skips.add(TOO_LONG, at),
    cut: (at) => skips.add(CUT_LINE, at),
  });
  endChain();

  for (let row = 0; row < columns.length; row++) {
    if (columns.durationNs[row] !== OPEN) continue;
    const endNs = processEndNs.get(threads.rows[columns.thread[row]!]!.pid);
    if (endNs !== undefined && endNs >= columns.enterNs[row]!) {
      columns.durationNs[row] = endNs - columns.enterNs[row]!;
    }
  }

  return assembleTrace({
    format: 'perf-script',
    architecture,
    columns,
    callNames: kinds.names,
    threads: threads.toThreads(),
    switches: switches.seal((tid) => threads.findTid(tid)),
    stacks: stacks?.table() ?? null,
    losses,
    skips: skips.rows(),
    zeroSeconds: Math.max(0, zeroSeconds),
    firstNs: Number.isFinite(windowNs[0]!) ? windowNs[0]! : 0,
    lastNs: windowNs[1]!,
  });
}

function text(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}

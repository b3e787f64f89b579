/** Single events of perf script text: what stands behind `time:`. */
import { ANY_KIND, descriptor, endThread, enterCall, exitCall } from '../call-pairing.ts';
import { callName } from '../syscalls/call-names.ts';
import { ENDS_PROCESS } from '../syscalls/call-traits.ts';
import { NO_CPU, NO_FD, NO_STACK } from '../trace.ts';
import { behindNumberMark, hexDescriptor } from './perf-numbers.ts';
import { type PerfReading, TABLE_NUMBERS } from './perf-reading.ts';
import { CLOCK_BACK, THREADS_ONLY } from './perf-skips.ts';
import { parseSchedSwitch } from './sched-switch.ts';
import { textOf } from './text-of.ts';

const SPACE = 32;
const MINUS = 45;
const ZERO = 48;
const NINE = 57;
const COLON = 58;
const EQUALS = 61;

function kindOf(reading: PerfReading, number: number): number {
  if (number < 0 || number >= TABLE_NUMBERS)
    return reading.kinds.intern(callName(reading.architecture, number));
  const known = reading.kindOfNumber[number]!;
  if (known !== ANY_KIND) return known;
  const kind = reading.kinds.intern(callName(reading.architecture, number));
  reading.kindOfNumber[number] = kind;
  return kind;
}

function setTime(reading: PerfReading, at: number): void {
  if (reading.zeroSeconds < 0) reading.zeroSeconds = reading.header.seconds;
  const timeNs = (reading.header.seconds - reading.zeroSeconds) * 1e9 + reading.header.fractionNs;
  if (timeNs < reading.pairing.nowNs[0]!) reading.skips.add(CLOCK_BACK, at);
  reading.pairing.nowNs[0] = timeNs;
  if (timeNs < reading.windowNs[0]!) reading.windowNs[0] = timeNs;
  if (timeNs > reading.windowNs[1]!) reading.windowNs[1] = timeNs;
}

function threadOfHeader(reading: PerfReading, bytes: Uint8Array): number {
  if (reading.headerThread >= 0) return reading.headerThread;
  reading.headerThread = reading.threads.find(reading.header.pid, reading.header.tid);
  let hash = reading.header.commEnd - reading.header.commStart;
  for (let i = reading.header.commStart; i < reading.header.commEnd; i++)
    hash = (Math.imul(hash, 31) + bytes[i]!) | 0;
  if (reading.commHash[reading.headerThread] !== hash) {
    reading.commHash[reading.headerThread] = hash;
    reading.threads.rows[reading.headerThread]!.comm = textOf(
      bytes,
      reading.header.commStart,
      reading.header.commEnd,
    );
  }
  return reading.headerThread;
}

function entered(reading: PerfReading, bytes: Uint8Array, kind: number, fd: number, at: number): void {
  setTime(reading, at);
  if (!reading.header.namesProcess) reading.skips.add(THREADS_ONLY, at);
  const thread = threadOfHeader(reading, bytes);
  const row = enterCall(
    reading.pairing,
    thread,
    reading.header.cpu < 0 ? NO_CPU : reading.header.cpu,
    kind,
    fd,
    at,
  );
  if (reading.kinds.names[kind] === ENDS_PROCESS)
    reading.processEndNs.set(reading.header.pid, reading.pairing.nowNs[0]!);
  reading.chainRow = row;
}

function returned(reading: PerfReading, bytes: Uint8Array, kind: number, result: number, at: number): void {
  setTime(reading, at);
  if (!reading.header.namesProcess) reading.skips.add(THREADS_ONLY, at);
  const row = exitCall(reading.pairing, threadOfHeader(reading, bytes), kind, result, at);
  // The chain at the exit is that of the enter: it is read only where the enter's is missing.
  reading.chainRow =
    row >= 0 && reading.columns.stack !== null && reading.columns.stack[row] === NO_STACK ? row : -1;
}

/** `raw_syscalls:sys_enter: NR 202 (566f960, 81, …)`, from behind the event's name. */
export function rawEnter(
  reading: PerfReading,
  bytes: Uint8Array,
  from: number,
  end: number,
  at: number,
): boolean {
  let i = behindNumberMark(bytes, from, end);
  if (i < 0) return false;
  if (bytes[i] === MINUS) {
    // -1, where a tracer took the call out.
    entered(reading, bytes, kindOf(reading, -1), NO_FD, at);
    return true;
  }
  const digits = i;
  let number = 0;
  for (; i < end && bytes[i]! >= ZERO && bytes[i]! <= NINE; i++) number = number * 10 + bytes[i]! - ZERO;
  if (i === digits || i >= end) return false;
  const kind = kindOf(reading, number);
  let fd = NO_FD;
  if (reading.kinds.takesDescriptor[kind]) fd = hexDescriptor(bytes, i + 2, end);
  entered(reading, bytes, kind, fd, at);
  return true;
}

/** `raw_syscalls:sys_exit: NR 202 = -110`, from behind the event's name. */
export function rawExit(
  reading: PerfReading,
  bytes: Uint8Array,
  from: number,
  end: number,
  at: number,
): boolean {
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
  returned(reading, bytes, anyCall ? ANY_KIND : kindOf(reading, number), negative ? -result : result, at);
  return true;
}

/** `syscalls:sys_enter_read: fd: 0x3, …` and `syscalls:sys_exit_read: 0x10`, from the name behind `sys_e…_`. */
export function named(
  reading: PerfReading,
  bytes: Uint8Array,
  enter: boolean,
  from: number,
  end: number,
  at: number,
): boolean {
  const colon = bytes.indexOf(COLON, from);
  if (colon < 0 || colon >= end) return false;
  const kind = reading.kinds.intern(
    textOf(bytes, from, colon).replace(/^new(stat|lstat|fstat|uname)$/, '$1'),
  );
  const rest = textOf(bytes, colon + 1, end);
  if (enter) {
    const first = reading.kinds.takesDescriptor[kind]
      ? /^\s*\w+: (?:0x)?([0-9a-f]+)/.exec(rest)?.[1]
      : undefined;
    entered(
      reading,
      bytes,
      kind,
      first === undefined ? NO_FD : descriptor(Number.parseInt(first.slice(-8), 16)),
      at,
    );
    return true;
  }
  const result = /^\s*(0x[0-9a-f]{1,16}|-?\d{1,19})\s*$/.exec(rest)?.[1];
  if (result === undefined) return false;
  returned(reading, bytes, kind, Number(BigInt.asIntN(64, BigInt(result))), at);
  return true;
}

export function switched(
  reading: PerfReading,
  bytes: Uint8Array,
  from: number,
  end: number,
  at: number,
): boolean {
  const event = parseSchedSwitch(textOf(bytes, from, end));
  if (event === null) return false;
  setTime(reading, at);
  reading.switches.append(
    reading.pairing.nowNs[0]!,
    reading.header.cpu < 0 ? NO_CPU : reading.header.cpu,
    event.previousTid,
    event.nextTid,
    event.runnable,
  );
  if (event.dead) {
    const thread = reading.threads.findTid(event.previousTid);
    if (thread >= 0) endThread(reading.pairing, thread);
  }
  return true;
}

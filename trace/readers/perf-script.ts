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
import { assembleTrace } from '../assemble-trace.ts';
import { forEachLine, type LineHandler } from '../lines.ts';
import { NO_STACK, OPEN, type ReadOptions, type Trace } from '../trace.ts';
import { named, rawEnter, rawExit, switched } from './perf-events.ts';
import { readPerfHeader } from './perf-header.ts';
import { isOtherEvent, parseLost } from './perf-other-lines.ts';
import { createPerfReading, type PerfReading } from './perf-reading.ts';
import {
  CUT_LINE,
  LOST_CHUNKS,
  LOST_EVENTS,
  NOT_UNDERSTOOD,
  OTHER_EVENTS,
  SOURCE_LINES,
  TOO_LONG,
} from './perf-skips.ts';
import { textOf } from './text-of.ts';

const TAB = 9;
const HASH = 35;
const COLON = 58;
const UNDERSCORE = 95;
const LOWER_C = 99;
const LOWER_H = 104;
const LOWER_N = 110;
const LOWER_S = 115;
const LOWER_Y = 121;

export async function readPerfScript(
  chunks: AsyncIterable<Uint8Array>,
  options: ReadOptions = {},
): Promise<Trace> {
  const reading = createPerfReading(options);
  await forEachLine(chunks, perfLines, reading);
  endChain(reading);
  const { columns, threads, windowNs } = reading;
  endCallsOfEndedProcesses(reading);
  return assembleTrace({
    format: 'perf-script',
    architecture: reading.architecture,
    columns,
    callNames: reading.kinds.names,
    threads: threads.toThreads(),
    switches: reading.switches.seal((tid) => threads.findTid(tid)),
    stacks: reading.stacks?.table() ?? null,
    losses: reading.losses,
    skips: reading.skips.rows(),
    zeroSeconds: Math.max(0, reading.zeroSeconds),
    firstNs: Number.isFinite(windowNs[0]!) ? windowNs[0]! : 0,
    lastNs: windowNs[1]!,
  });
}

const perfLines: LineHandler<PerfReading> = {
  line: takeLine,
  tooLong: (reading, at) => reading.skips.add(TOO_LONG, at),
  cut: (reading, at) => reading.skips.add(CUT_LINE, at),
};

function takeLine(reading: PerfReading, bytes: Uint8Array, start: number, end: number, at: number): void {
  if (start === end) {
    endChain(reading);
    return;
  }
  if (bytes[start] === TAB) {
    reading.inChain = true;
    if (reading.chainRow >= 0 && reading.stacks !== null) reading.stacks.frameLine(bytes, start, end);
    return;
  }
  // Columns are padded, so the mark mostly stands where it stood in the line before, or one byte beside.
  const guess = start + reading.markOffset;
  for (let i = guess - 1; i <= guess + 1; i++) {
    if (i > start && i < end && bytes[i] === COLON && event(reading, bytes, start, i, end, at)) return;
  }
  for (let i = start; i < end; i++) {
    if (bytes[i] === COLON && event(reading, bytes, start, i, end, at)) return;
  }
  otherLine(reading, bytes, start, end, at);
}

/**
 * Takes the line where the colon at `mark` is that of `…syscalls:sys_e…` or `sched:sched_switch` with a header
 * before it: these words are longer than a thread's name can be, so no name is taken for them.
 */
function event(
  reading: PerfReading,
  bytes: Uint8Array,
  start: number,
  mark: number,
  end: number,
  at: number,
): boolean {
  if (bytes[mark + 1] !== LOWER_S) return false;
  if (bytes[mark + 2] === LOWER_Y && bytes[mark + 3] === LOWER_S && bytes[mark + 4] === UNDERSCORE) {
    const raw = bytes[mark - 9] === UNDERSCORE;
    if (!readPerfHeader(reading.header, bytes, start, raw ? mark - 12 : mark - 8)) return false;
    endChain(reading);
    if (!reading.header.repeated) reading.headerThread = -1;
    const enter = bytes[mark + 6] === LOWER_N;
    const after = mark + (enter ? 10 : 9);
    const understood =
      bytes[after] !== COLON
        ? named(reading, bytes, enter, after + 1, end, at)
        : enter
          ? rawEnter(reading, bytes, after + 1, end, at)
          : rawExit(reading, bytes, after + 1, end, at);
    if (!understood) reading.skips.add(NOT_UNDERSTOOD, at);
    reading.markOffset = mark - start;
    return true;
  }
  if (bytes[mark + 2] === LOWER_C && bytes[mark + 3] === LOWER_H && bytes[mark + 13] === COLON) {
    if (!readPerfHeader(reading.header, bytes, start, mark - 5)) return false;
    endChain(reading);
    if (!reading.header.repeated) reading.headerThread = -1;
    if (!switched(reading, bytes, mark + 14, end, at)) reading.skips.add(NOT_UNDERSTOOD, at);
    return true;
  }
  return false;
}

function otherLine(reading: PerfReading, bytes: Uint8Array, start: number, end: number, at: number): void {
  const line = textOf(bytes, start, end);
  if (bytes[start] === HASH) {
    const machine = /^# arch : (\S+)/.exec(line)?.[1];
    if (machine === 'aarch64' || machine === 'arm64') reading.architecture = 'arm64';
    else if (machine === 'x86_64') reading.architecture = 'x86_64';
    return;
  }
  const lost = parseLost(line);
  if (lost !== null) {
    if (lost.chunks) reading.skips.add(LOST_CHUNKS, at, lost.count);
    else {
      const since =
        lost.seconds !== null && reading.zeroSeconds >= 0 ? lost.seconds - reading.zeroSeconds : null;
      reading.losses.push({ cpu: lost.cpu, timeNs: since === null ? null : since * 1e9, events: lost.count });
      reading.skips.add(LOST_EVENTS, at, lost.count);
    }
    return;
  }
  if (isOtherEvent(line)) {
    endChain(reading);
    reading.skips.add(OTHER_EVENTS, at);
  } else if (reading.inChain) {
    reading.skips.add(SOURCE_LINES, at);
  } else {
    reading.skips.add(NOT_UNDERSTOOD, at);
  }
}

function endChain(reading: PerfReading): void {
  reading.inChain = false;
  if (reading.stacks === null || reading.columns.stack === null || reading.chainRow < 0) return;
  const node = reading.stacks.endChain();
  if (node !== NO_STACK) reading.columns.stack[reading.chainRow] = node;
  reading.chainRow = -1;
}

/** A call that its process's end cut short is no hang. */
function endCallsOfEndedProcesses({ columns, threads, processEndNs }: PerfReading): void {
  if (processEndNs.size === 0) return;
  for (let row = 0; row < columns.length; row++) {
    if (columns.durationNs[row] !== OPEN) continue;
    const endNs = processEndNs.get(threads.rows[columns.thread[row]!]!.pid);
    if (endNs !== undefined && endNs >= columns.enterNs[row]!) {
      columns.durationNs[row] = endNs - columns.enterNs[row]!;
    }
  }
}

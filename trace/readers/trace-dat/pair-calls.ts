import { descriptor } from '../../call-pairing.ts';
import { RESTART_BLOCK } from '../../syscalls/call-traits.ts';
import { type Architecture, NO_FD, NO_RESULT, OPEN } from '../../trace.ts';
import {
  ENDS_ITS_PROCESS,
  HAS_DESCRIPTOR,
  IS_RESTART,
  type KindTable,
  kindTable,
  NEVER_RETURNS,
  RETURNS_ADDRESS,
  UNSEEN,
} from './kind-table.ts';
import { advance, mergeCursors, nextRun } from './merge-cursors.ts';
import type { CpuLog, EventChunk, RingLoss } from './ring-log.ts';

/**
 * Merges the logs of all CPUs by time and pairs each enter with its thread's next exit. Ties between CPUs go to
 * the lower CPU. A thread may enter on one CPU and return on another, so pairing needs the merged order.
 */
export interface PairedCalls {
  readonly length: number;
  readonly enterNs: Float64Array;
  readonly durationNs: Float64Array;
  readonly thread: Uint32Array;
  readonly cpu: Uint16Array;
  readonly call: Uint16Array;
  readonly result: Int32Array;
  readonly fd: Int32Array;
  readonly callNames: readonly string[];
  /** Thread ids in order of first appearance: `thread` indexes them. */
  readonly tids: readonly number[];
  /** Returns of calls that were entered before the window (or during a loss). */
  readonly exitsWithoutEnter: number;
  /** Calls whose return is missing although their thread went on. */
  readonly lostReturns: number;
}

/** Above every thread id that Linux gives out (PID_MAX_LIMIT, include/linux/threads.h). */
const PID_LIMIT = 4 * 1024 * 1024;

/** Everything that the pairing knows; one object, so that the hot loop is a function of its own. */
interface Pairing {
  readonly startNs: number;
  readonly processOf: (tid: number) => number;
  readonly enterNs: Float64Array;
  readonly durationNs: Float64Array;
  readonly thread: Uint32Array;
  readonly cpu: Uint16Array;
  readonly call: Uint16Array;
  readonly result: Int32Array;
  readonly fd: Int32Array;
  readonly kinds: KindTable;
  readonly tids: number[];
  /** Index of a thread by its id, UNSEEN where there is none yet. */
  threadOf: Int32Array;
  /** Per thread: the row of the call that it is in, and of the last one that asked to be restarted. */
  openRow: Int32Array;
  restartRow: Int32Array;
  row: number;
  exitsWithoutEnter: number;
  lostReturns: number;
  readonly losses: readonly (RingLoss & { readonly timeNs: number })[];
  nextLoss: number;
  nextLossNs: number;
}

export function pairCalls(
  logs: readonly CpuLog[],
  losses: readonly RingLoss[],
  startNs: number,
  architecture: Architecture,
  processOf: (tid: number) => number,
): PairedCalls {
  const rows = logs.reduce((sum, log) => sum + log.enters, 0);
  const dated = losses
    .filter((loss): loss is RingLoss & { timeNs: number } => loss.timeNs !== null)
    .sort((a, b) => a.timeNs - b.timeNs);
  const pairing: Pairing = {
    startNs,
    processOf,
    enterNs: new Float64Array(rows),
    durationNs: new Float64Array(rows),
    thread: new Uint32Array(rows),
    cpu: new Uint16Array(rows),
    call: new Uint16Array(rows),
    result: new Int32Array(rows),
    fd: new Int32Array(rows),
    kinds: kindTable(architecture),
    tids: [],
    threadOf: new Int32Array(65_536).fill(UNSEEN),
    openRow: new Int32Array(256).fill(UNSEEN),
    restartRow: new Int32Array(256).fill(UNSEEN),
    row: 0,
    exitsWithoutEnter: 0,
    lostReturns: 0,
    losses: dated,
    nextLoss: 0,
    nextLossNs: dated[0]?.timeNs ?? Number.POSITIVE_INFINITY,
  };
  const cursors = mergeCursors<EventChunk>(logs.map((log) => ({ cpu: log.cpu, chunks: log.events })));
  while (nextRun(cursors)) {
    const { log, limit, yieldsTie } = cursors;
    const position = pairRun(
      pairing,
      cursors.chunk[log]!,
      cursors.position[log]!,
      logs[log]!.cpu,
      limit,
      yieldsTie,
    );
    advance(cursors, position);
  }
  const { row, enterNs, durationNs, thread, cpu, call, result, fd, tids } = pairing;
  const { exitsWithoutEnter, lostReturns } = pairing;
  return {
    length: row,
    enterNs,
    durationNs,
    thread,
    cpu,
    call,
    result,
    fd,
    callNames: pairing.kinds.names,
    tids,
    exitsWithoutEnter,
    lostReturns,
  };
}

/** Takes one CPU's events up to `limit`; returns where it stopped. Runs are short: this is called for each. */
function pairRun(
  pairing: Pairing,
  chunk: EventChunk,
  from: number,
  currentCpu: number,
  limit: number,
  yieldsTie: boolean,
): number {
  const { timeNs, tid, call: number, value, length } = chunk;
  const { startNs, enterNs, durationNs, thread, cpu, call, result, fd } = pairing;
  const { kindOf, traits } = pairing.kinds;
  let i = from;
  for (; i < length; i++) {
    const time = timeNs[i]!;
    if (time >= limit && (time > limit || yieldsTie)) break;
    if (time >= pairing.nextLossNs) passLoss(pairing);
    const id = tid[i]! & (PID_LIMIT * 2 - 1);
    let index = id < pairing.threadOf.length ? pairing.threadOf[id]! : UNSEEN;
    if (index === UNSEEN) index = newThread(pairing, id);
    const n = number[i]!;
    const open = pairing.openRow[index]!;
    if (n >= 0) {
      let kind = kindOf[n]!;
      if (kind === UNSEEN) kind = pairing.kinds.add(n);
      const trait = traits[kind]!;
      if (open !== UNSEEN) giveUp(pairing, open);
      if (pairing.restartRow[index] !== UNSEEN) {
        if ((trait & IS_RESTART) !== 0) kind = call[pairing.restartRow[index]!]!;
        pairing.restartRow[index] = UNSEEN;
      }
      const row = pairing.row++;
      enterNs[row] = time - startNs;
      durationNs[row] = OPEN;
      thread[row] = index;
      cpu[row] = currentCpu;
      call[row] = kind;
      result[row] = NO_RESULT;
      fd[row] = (trait & HAS_DESCRIPTOR) !== 0 ? descriptor(value[i]!) : NO_FD;
      if ((trait & NEVER_RETURNS) === 0) {
        pairing.openRow[index] = row;
      } else {
        durationNs[row] = 0;
        pairing.openRow[index] = UNSEEN;
        if ((trait & ENDS_ITS_PROCESS) !== 0) endProcess(pairing, pairing.processOf(id), time - startNs);
      }
    } else if (open === UNSEEN) {
      pairing.exitsWithoutEnter++;
    } else {
      let kind = kindOf[~n]!;
      if (kind === UNSEEN) kind = pairing.kinds.add(~n);
      const trait = traits[kind]!;
      pairing.openRow[index] = UNSEEN;
      if (kind !== call[open]! && (trait & IS_RESTART) === 0) {
        giveUp(pairing, open);
        pairing.exitsWithoutEnter++;
      } else {
        const returned = value[i]!;
        durationNs[open] = time - startNs - enterNs[open]!;
        result[open] = returned > 0 && (trait & RETURNS_ADDRESS) !== 0 ? 0 : returned;
        if (returned === RESTART_BLOCK) pairing.restartRow[index] = open;
      }
    }
  }
  return i;
}

/** A call whose return was not recorded. */
function giveUp(pairing: Pairing, row: number): void {
  pairing.durationNs[row] = 0;
  pairing.lostReturns++;
}

/** Whoever was in a call on the CPU of a loss may have returned, and entered another, unseen. */
function passLoss(pairing: Pairing): void {
  const { openRow, cpu, tids, losses } = pairing;
  const lossCpu = losses[pairing.nextLoss]!.cpu;
  for (let t = 0; t < tids.length; t++) {
    const open = openRow[t]!;
    if (open === UNSEEN || cpu[open] !== lossCpu) continue;
    giveUp(pairing, open);
    openRow[t] = UNSEEN;
  }
  pairing.nextLoss++;
  pairing.nextLossNs = losses[pairing.nextLoss]?.timeNs ?? Number.POSITIVE_INFINITY;
}

/** What a thread is in when its process ends lasted until then, and is no hang. */
function endProcess(pairing: Pairing, process: number, timeNs: number): void {
  const { openRow, tids, durationNs, enterNs, processOf } = pairing;
  for (let t = 0; t < tids.length; t++) {
    const open = openRow[t]!;
    if (open === UNSEEN || processOf(tids[t]!) !== process) continue;
    durationNs[open] = timeNs - enterNs[open]!;
    openRow[t] = UNSEEN;
  }
}

function newThread(pairing: Pairing, id: number): number {
  const index = pairing.tids.length;
  if (id >= pairing.threadOf.length) pairing.threadOf = grown(pairing.threadOf, id + 1);
  if (index >= pairing.openRow.length) {
    pairing.openRow = grown(pairing.openRow, index + 1);
    pairing.restartRow = grown(pairing.restartRow, index + 1);
  }
  pairing.threadOf[id] = index;
  pairing.tids.push(id);
  return index;
}

function grown(column: Int32Array, least: number): Int32Array {
  const larger = new Int32Array(Math.max(least, column.length * 2)).fill(UNSEEN);
  larger.set(column);
  return larger;
}

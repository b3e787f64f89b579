import { createCallKinds, MAX_CALL_KINDS } from '../../call-kinds.ts';
import { descriptor } from '../../call-pairing.ts';
import { callName } from '../../syscalls/call-names.ts';
import { ENDS_PROCESS, RESTART_BLOCK } from '../../syscalls/call-traits.ts';
import { type Architecture, NO_FD, NO_RESULT, OPEN } from '../../trace.ts';
import { MergeCursors } from './merge-cursors.ts';
import { type CpuLog, type EventChunk, NO_CALL_NUMBER, type RingLoss } from './ring-log.ts';

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

const UNSEEN = -1;

/** What the pairing has to know of a kind of call, as bits. */
const HAS_DESCRIPTOR = 1;
const RETURNS_ADDRESS = 2;
const NEVER_RETURNS = 4;
const IS_RESTART = 8;
const ENDS_ITS_PROCESS = 16;

export function pairCalls(
  logs: readonly CpuLog[],
  losses: readonly RingLoss[],
  startNs: number,
  architecture: Architecture,
  processOf: (tid: number) => number,
): PairedCalls {
  const rows = logs.reduce((sum, log) => sum + log.enters, 0);
  const enterNs = new Float64Array(rows);
  const durationNs = new Float64Array(rows);
  const thread = new Uint32Array(rows);
  const cpu = new Uint16Array(rows);
  const call = new Uint16Array(rows);
  const result = new Int32Array(rows);
  const fd = new Int32Array(rows);

  const kinds = createCallKinds();
  const kindOf = new Int32Array(NO_CALL_NUMBER + 1).fill(UNSEEN);
  const traits = new Uint8Array(MAX_CALL_KINDS);
  const newKind = (number: number): number => {
    const name = callName(architecture, number === NO_CALL_NUMBER ? -1 : number);
    const kind = kinds.intern(name);
    kindOf[number] = kind;
    traits[kind] =
      (kinds.takesDescriptor[kind] ? HAS_DESCRIPTOR : 0) |
      (kinds.returnsAddress[kind] ? RETURNS_ADDRESS : 0) |
      (kinds.neverReturns[kind] ? NEVER_RETURNS : 0) |
      (kinds.isRestart[kind] ? IS_RESTART : 0) |
      (name === ENDS_PROCESS ? ENDS_ITS_PROCESS : 0);
    return kind;
  };

  const tids: number[] = [];
  let threadOf = new Int32Array(65_536).fill(UNSEEN);
  // Per thread: the row of the call that it is in, and of the last one that asked to be restarted.
  let openRow = new Int32Array(256).fill(UNSEEN);
  let restartRow = new Int32Array(256).fill(UNSEEN);

  let row = 0;
  let exitsWithoutEnter = 0;
  let lostReturns = 0;
  const pendingLosses = losses
    .filter((loss): loss is RingLoss & { timeNs: number } => loss.timeNs !== null)
    .sort((a, b) => a.timeNs - b.timeNs);
  let nextLoss = 0;
  let nextLossNs = pendingLosses[0]?.timeNs ?? Number.POSITIVE_INFINITY;

  const cursors = new MergeCursors<EventChunk>(logs.map((log) => ({ cpu: log.cpu, chunks: log.events })));
  while (cursors.next()) {
    const { timeNs, tid, call: number, value, length } = cursors.chunk;
    const currentCpu = cursors.cpu;
    const limit = cursors.limit;
    let i = cursors.at;
    for (; i < length; i++) {
      const time = timeNs[i]!;
      if (time >= limit && (time > limit || cursors.yieldsTie)) break;
      if (time >= nextLossNs) {
        // Whoever was in a call on that CPU may have returned, and entered another, unseen.
        const lossCpu = pendingLosses[nextLoss]!.cpu;
        for (let t = 0; t < tids.length; t++) {
          const open = openRow[t]!;
          if (open === UNSEEN || cpu[open] !== lossCpu) continue;
          durationNs[open] = 0;
          openRow[t] = UNSEEN;
          lostReturns++;
        }
        nextLoss++;
        nextLossNs = pendingLosses[nextLoss]?.timeNs ?? Number.POSITIVE_INFINITY;
      }
      const id = tid[i]! & (PID_LIMIT * 2 - 1);
      if (id >= threadOf.length) threadOf = grown(threadOf, id + 1);
      let index = threadOf[id]!;
      if (index === UNSEEN) {
        index = tids.length;
        threadOf[id] = index;
        tids.push(id);
        if (index >= openRow.length) {
          openRow = grown(openRow, index + 1);
          restartRow = grown(restartRow, index + 1);
        }
      }
      const n = number[i]!;
      const open = openRow[index]!;
      if (n >= 0) {
        if (open !== UNSEEN) {
          durationNs[open] = 0;
          lostReturns++;
        }
        let kind = kindOf[n]!;
        if (kind === UNSEEN) kind = newKind(n);
        const trait = traits[kind]!;
        if (restartRow[index] !== UNSEEN) {
          if ((trait & IS_RESTART) !== 0) kind = call[restartRow[index]!]!;
          restartRow[index] = UNSEEN;
        }
        enterNs[row] = time - startNs;
        durationNs[row] = OPEN;
        thread[row] = index;
        cpu[row] = currentCpu;
        call[row] = kind;
        result[row] = NO_RESULT;
        fd[row] = (trait & HAS_DESCRIPTOR) !== 0 ? descriptor(value[i]!) : NO_FD;
        if ((trait & NEVER_RETURNS) === 0) {
          openRow[index] = row;
        } else {
          durationNs[row] = 0;
          openRow[index] = UNSEEN;
          if ((trait & ENDS_ITS_PROCESS) !== 0) endProcess(processOf(id), time - startNs);
        }
        row++;
      } else if (open === UNSEEN) {
        exitsWithoutEnter++;
      } else {
        let kind = kindOf[~n]!;
        if (kind === UNSEEN) kind = newKind(~n);
        const trait = traits[kind]!;
        openRow[index] = UNSEEN;
        if (kind !== call[open]! && (trait & IS_RESTART) === 0) {
          durationNs[open] = 0;
          lostReturns++;
          exitsWithoutEnter++;
          continue;
        }
        const returned = value[i]!;
        durationNs[open] = time - startNs - enterNs[open]!;
        result[open] = returned > 0 && (trait & RETURNS_ADDRESS) !== 0 ? 0 : returned;
        if (returned === RESTART_BLOCK) restartRow[index] = open;
      }
    }
    cursors.advance(i);
  }

  return {
    length: row,
    enterNs,
    durationNs,
    thread,
    cpu,
    call,
    result,
    fd,
    callNames: kinds.names,
    tids,
    exitsWithoutEnter,
    lostReturns,
  };

  /** What a thread is in when its process ends lasted until then, and is no hang. */
  function endProcess(process: number, timeNs: number): void {
    for (let t = 0; t < tids.length; t++) {
      const open = openRow[t]!;
      if (open === UNSEEN || processOf(tids[t]!) !== process) continue;
      durationNs[open] = timeNs - enterNs[open]!;
      openRow[t] = UNSEEN;
    }
  }
}

function grown(column: Int32Array<ArrayBuffer>, least: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(least, column.length * 2)).fill(UNSEEN);
  larger.set(column);
  return larger;
}

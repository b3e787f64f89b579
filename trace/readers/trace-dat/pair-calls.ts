import type { Architecture, Switches } from '../../trace.ts';
import { kindTable, UNSEEN } from './kind-table.ts';
import {
  type CallRows,
  CHUNK_TAKEN,
  COUNTS,
  type Cursors,
  ENDED,
  LIVE,
  LOSS,
  LOSS_NS,
  LOST_ENTERS,
  LOST_RETURNS,
  NEW_KIND,
  NEW_THREAD,
  PROCESS_ENDED,
  pairEvents,
  ROW,
  START_NS,
  STOPPED_AT,
  SWITCH_ROW,
  type SwitchRows,
  threadId,
} from './pair-events.ts';
import type { CpuLog, RingLoss } from './ring-log.ts';

/**
 * Merges the logs of all CPUs by time and pairs each enter with its thread's next exit. A thread may enter on one
 * CPU and return on another, so pairing needs the merged order.
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
  readonly switches: Switches | null;
  /** Thread ids in order of first appearance: `thread` indexes them. */
  readonly tids: readonly number[];
  /** Returns of calls that were entered before the window (or during a loss). */
  readonly exitsWithoutEnter: number;
  /** Calls whose return is missing although their thread went on. */
  readonly lostReturns: number;
}

export function pairCalls(
  logs: readonly CpuLog[],
  losses: readonly RingLoss[],
  startNs: number,
  architecture: Architecture,
  processOf: (tid: number) => number,
): PairedCalls {
  const rows = emptyRows(logs.reduce((sum, log) => sum + log.enters, 0));
  const switches = emptySwitches(logs.reduce((sum, log) => sum + log.switches, 0));
  const [enterNs, durationNs, thread, cpu, call, result, fd] = rows;
  const kinds = kindTable(architecture);
  const tids: number[] = [];
  let threadOf = new Int32Array(65_536).fill(UNSEEN);
  let openRow = new Int32Array(256).fill(UNSEEN);
  let restartRow = new Int32Array(256).fill(UNSEEN);

  const dated = losses
    .filter((loss): loss is RingLoss & { timeNs: number } => loss.timeNs !== null)
    .sort((a, b) => a.timeNs - b.timeNs);
  let passedLosses = 0;
  const bounds = new Float64Array(2);
  bounds[START_NS] = startNs;
  bounds[LOSS_NS] = dated[0]?.timeNs ?? Number.POSITIVE_INFINITY;
  const counts = new Int32Array(COUNTS);

  const cursors = emptyCursors(logs);
  const chunkOf = new Int32Array(logs.length).fill(-1);
  const [times, tidColumns, numbers, values, , position, end, head, live] = cursors;
  for (let log = 0; log < logs.length; log++) if (nextChunk(log)) live[counts[LIVE]!++] = log;

  while (counts[LIVE]! > 0) {
    const reason = pairEvents(
      cursors,
      rows,
      switches,
      [threadOf, openRow, restartRow],
      [kinds.kindOf, kinds.traits],
      bounds,
      counts,
    );
    const log = counts[STOPPED_AT]!;
    if (reason === LOSS) passLoss();
    else if (reason === NEW_THREAD) newThread(threadId(tidColumns[log]![position[log]!]!));
    else if (reason === NEW_KIND) newKind(numbers[log]![position[log]!]!);
    else if (reason === PROCESS_ENDED) endProcess(processOf(counts[ENDED]!), enterNs[counts[ROW]! - 1]!);
    if ((reason === CHUNK_TAKEN || reason === PROCESS_ENDED) && position[log]! >= end[log]!) {
      if (!nextChunk(log)) {
        const gone = live.indexOf(log);
        live.copyWithin(gone, gone + 1, counts[LIVE]!--);
      }
    }
  }

  const [switchNs, switchCpu, previous, next, runnable] = switches;
  // Which thread a switch is about is known when all have been seen.
  for (let i = 0; i < previous.length; i++) {
    previous[i] = threadOf[previous[i]!] ?? UNSEEN;
    next[i] = threadOf[next[i]!] ?? UNSEEN;
  }
  return {
    length: counts[ROW]!,
    enterNs,
    durationNs,
    thread,
    cpu,
    call,
    result,
    fd,
    callNames: kinds.names,
    switches:
      counts[SWITCH_ROW] === 0 ? null : { timeNs: switchNs, cpu: switchCpu, previous, next, runnable },
    tids,
    exitsWithoutEnter: counts[LOST_ENTERS]!,
    lostReturns: counts[LOST_RETURNS]!,
  };

  /** A chunk that was taken is let go: the columns of the trace take its place in memory. */
  function nextChunk(log: number): boolean {
    const { events } = logs[log]!;
    let index = chunkOf[log]!;
    if (index >= 0) events[index] = null;
    do index++;
    while (index < events.length && events[index]!.length === 0);
    chunkOf[log] = index;
    const chunk = events[index];
    if (chunk === undefined || chunk === null) return false;
    times[log] = chunk.timeNs;
    tidColumns[log] = chunk.tid;
    numbers[log] = chunk.call;
    values[log] = chunk.value;
    position[log] = 0;
    end[log] = chunk.length;
    head[log] = chunk.timeNs[0]!;
    return true;
  }

  /** Whoever was in a call on the CPU of a loss may have returned, and entered another, unseen. */
  function passLoss(): void {
    const lossCpu = dated[passedLosses++]!.cpu;
    bounds[LOSS_NS] = dated[passedLosses]?.timeNs ?? Number.POSITIVE_INFINITY;
    for (let t = 0; t < tids.length; t++) {
      const open = openRow[t]!;
      if (open === UNSEEN || cpu[open] !== lossCpu) continue;
      durationNs[open] = 0;
      counts[LOST_RETURNS]!++;
      openRow[t] = UNSEEN;
    }
  }

  /** What a thread is in when its process ends lasted until then, and is no hang. */
  function endProcess(process: number, timeNs: number): void {
    for (let t = 0; t < tids.length; t++) {
      const open = openRow[t]!;
      if (open === UNSEEN || processOf(tids[t]!) !== process) continue;
      durationNs[open] = timeNs - enterNs[open]!;
      openRow[t] = UNSEEN;
    }
  }

  function newKind(number: number): void {
    kinds.add(number >= 0 ? number : ~number);
  }

  function newThread(id: number): void {
    const index = tids.length;
    if (id >= threadOf.length) threadOf = grown(threadOf, id + 1);
    if (index >= openRow.length) {
      openRow = grown(openRow, index + 1);
      restartRow = grown(restartRow, index + 1);
    }
    threadOf[id] = index;
    tids.push(id);
  }
}

function emptyCursors(logs: readonly CpuLog[]): Cursors {
  return [
    [],
    [],
    [],
    [],
    Int32Array.from(logs, (log) => log.cpu),
    new Int32Array(logs.length),
    new Int32Array(logs.length),
    new Float64Array(logs.length),
    new Int32Array(logs.length),
  ];
}

function emptyRows(length: number): CallRows {
  return [
    new Float64Array(length),
    new Float64Array(length),
    new Uint32Array(length),
    new Uint16Array(length),
    new Uint16Array(length),
    new Int32Array(length),
    new Int32Array(length),
  ];
}

function emptySwitches(length: number): SwitchRows {
  return [
    new Float64Array(length),
    new Uint16Array(length),
    new Int32Array(length),
    new Int32Array(length),
    new Uint8Array(length),
  ];
}

function grown(column: Int32Array<ArrayBuffer>, least: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(least, column.length * 2)).fill(UNSEEN);
  larger.set(column);
  return larger;
}

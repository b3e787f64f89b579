import { newCalls } from '../../call-columns.ts';
import { newColumns } from '../../columns.ts';
import { RESTART_BLOCK } from '../../syscalls/call-traits.ts';
import { type Architecture, type Calls, NO_RESULT, OPEN, type Switches, switchColumns } from '../../trace.ts';
import {
  BEFORE_WINDOW,
  CALLS,
  COUNTS,
  DUE_NS,
  descriptorOf,
  follow,
  identify,
  keptResult,
  LOST_ENTERS,
  LOST_RETURNS,
  NOT_BEGUN,
  newIdentified,
  ROW,
  START_NS,
  SWITCH_ROW,
  takeSwitch,
  threadId,
  writeRows,
} from './follow-threads.ts';
import {
  ENDS_ITS_PROCESS,
  IS_RESTART,
  KIND,
  kindTable,
  NAMES_NO_CALL,
  NEVER_RETURNS,
  UNSEEN,
} from './kind-table.ts';
import { mergeRings } from './merge-rings.ts';
import { type Ring, type RingLoss, SWITCH } from './ring-records.ts';

/**
 * Merges the rings by time and finds each call's return: the next one of its thread, on whichever CPU, by the rules of
 * call-pairing.ts; and what a thread was in on a CPU that lost events is given up at the loss. Where a
 * return that was taken for a call's on its own ring turns out to be a later call's, because the thread has been on
 * another CPU in between, it is put back until its time has come.
 */
export interface PairedCalls {
  readonly length: number;
  readonly columns: Calls;
  readonly callNames: readonly string[];
  readonly switches: Switches | null;
  /** Thread ids in order of first appearance: `thread` indexes them. */
  readonly tids: readonly number[];
  /** Returns that were the first event of their thread. */
  readonly returnsFromBefore: number;
  /** Other returns whose call is missing. */
  readonly lostEnters: number;
  /** Calls whose return is missing although their thread went on. */
  readonly lostReturns: number;
}

/** A return that was put back. */
interface Return {
  /** From the origin. */
  readonly timeNs: number;
  readonly thread: number;
  /** Of the kind table. */
  readonly entry: number;
  readonly result: number;
}

export function pairCalls(
  rings: readonly Ring[],
  losses: readonly RingLoss[],
  startNs: number,
  architecture: Architecture,
  processOf: (tid: number) => number,
): PairedCalls {
  const columns = newCalls(
    rings.reduce((sum, ring) => sum + ring.enters, 0),
    false,
  );
  const switches = newColumns(
    switchColumns,
    rings.reduce((sum, ring) => sum + ring.switches, 0),
  );
  const { enterNs, durationNs, thread, cpu, call, result, fd } = columns;
  const kinds = kindTable(architecture);
  const tids: number[] = [];
  let threadOf = new Int32Array(65_536).fill(UNSEEN);
  let lastRow = new Int32Array(256).fill(UNSEEN);
  let freeAt = new Float64Array(256).fill(NOT_BEGUN);
  /** By thread, the row that carries the name of what it continues, though it was entered as restart_syscall. */
  const renamedRow = new Map<number, number>();
  /** When each process made its exit_group call. */
  const processEndNs = new Map<number, number>();
  /** The earliest first. */
  const putBack: Return[] = [];
  const datedLosses = losses
    .filter((loss): loss is RingLoss & { timeNs: number } => loss.timeNs !== null)
    .sort((a, b) => a.timeNs - b.timeNs);
  const bounds = new Float64Array(2);
  bounds[START_NS] = startNs;
  const counts = new Int32Array(COUNTS);
  setDue();

  const { batch, next: nextBatch } = mergeRings(rings);
  const identified = newIdentified();
  for (let length = nextBatch(); length > 0; length = nextBatch()) {
    let known = 0;
    while (known < length) {
      known = identify(
        batch.tid,
        batch.number,
        threadOf,
        kinds.entries,
        identified.thread,
        identified.entry,
        known,
        length,
      );
      if (known < length) introduce(known);
    }
    for (let at = 0; at < length; ) {
      at = follow(batch, identified, lastRow, freeAt, columns, switches, bounds, counts, at, length);
      writeRows(batch, identified, columns, startNs, counts[ROW]!, counts[CALLS]!);
      counts[ROW]! += counts[CALLS]!;
      if (at === length) break;
      if (batch.startNs[at]! >= bounds[DUE_NS]!) passDue();
      else takeThoughtfully(at++);
    }
  }
  while (putBack.length > 0) passDue();
  endCallsOfEndedProcesses();

  const { previous, next } = switches;
  // Which thread a switch is about is known when all have been seen.
  for (let i = 0; i < previous.length; i++) {
    previous[i] = threadOf[previous[i]!] ?? UNSEEN;
    next[i] = threadOf[next[i]!] ?? UNSEEN;
  }
  return {
    length: counts[ROW]!,
    columns,
    callNames: kinds.names,
    switches: counts[SWITCH_ROW] === 0 ? null : switches,
    tids,
    returnsFromBefore: counts[BEFORE_WINDOW]!,
    lostEnters: counts[LOST_ENTERS]!,
    lostReturns: counts[LOST_RETURNS]!,
  };

  /** Adds the thread and the kind of call of a record. */
  function introduce(at: number): void {
    const id = threadId(batch.tid[at]!);
    const number = batch.number[at]!;
    if ((threadOf[id] ?? UNSEEN) === UNSEEN) newThread(id);
    const call = number >= 0 ? number : ~number;
    if (kinds.entries[call] === UNSEEN) kinds.add(call);
  }

  /** Takes a record with every case that there is; of switches, those in which a thread ends. */
  function takeThoughtfully(at: number): void {
    const timeNs = batch.startNs[at]!;
    const endNs = batch.endNs[at]!;
    const index = identified.thread[at]!;
    if (batch.number[at] === SWITCH) {
      takeSwitch(batch, switches, startNs, counts, at);
      if (index !== UNSEEN) endThread(index, timeNs);
      return;
    }
    const entry = identified.entry[at]!;
    const returned = batch.result[at]!;
    const freeNs = freeAt[index]!;
    if (freeNs !== OPEN && freeNs > timeNs) putBackReturn(index);
    if (batch.number[at]! < 0) {
      takeReturn({ timeNs, thread: index, entry, result: returned });
      return;
    }
    const before = lastRow[index]!;
    const isContinued = (entry & IS_RESTART) !== 0 && before !== UNSEEN && result[before] === RESTART_BLOCK;
    if (freeAt[index] === OPEN) giveUp(index, timeNs);
    const isOver = (entry & NEVER_RETURNS) !== 0;
    const row = counts[ROW]!++;
    enterNs[row] = timeNs - startNs;
    durationNs[row] = isOver ? 0 : OPEN;
    thread[row] = index;
    cpu[row] = batch.cpu[at]!;
    call[row] = isContinued ? call[before]! : entry & KIND;
    result[row] = NO_RESULT;
    fd[row] = descriptorOf(entry, batch.value[at]!);
    lastRow[index] = row;
    if (isContinued) renamedRow.set(index, row);
    freeAt[index] = isOver ? NOT_BEGUN : OPEN;
    if (endNs !== OPEN) insert({ timeNs: endNs, thread: index, entry, result: returned });
    if ((entry & ENDS_ITS_PROCESS) !== 0) processEndNs.set(processOf(tids[index]!), enterNs[row]!);
  }

  /** The return of the thread's open call is missing. */
  function giveUp(index: number, timeNs: number): void {
    durationNs[lastRow[index]!] = 0;
    freeAt[index] = timeNs;
    counts[LOST_RETURNS]!++;
  }

  function takeReturn({ timeNs, thread: index, entry, result: returned }: Return): void {
    if (freeAt[index] !== OPEN) {
      counts[freeAt[index] === NOT_BEGUN ? BEFORE_WINDOW : LOST_ENTERS]!++;
      freeAt[index] = timeNs;
      return;
    }
    const open = lastRow[index]!;
    const isOpenCalls =
      (entry & KIND) === call[open]! ||
      (entry & NAMES_NO_CALL) !== 0 ||
      ((entry & IS_RESTART) !== 0 && renamedRow.get(index) === open);
    if (!isOpenCalls) {
      giveUp(index, timeNs);
      counts[LOST_ENTERS]!++;
      return;
    }
    freeAt[index] = timeNs;
    durationNs[open] = timeNs - startNs - enterNs[open]!;
    result[open] = keptResult(returned, kinds.ofKind(call[open]!));
  }

  /** What was taken for the return of the thread's last call is not, or not yet. */
  function putBackReturn(index: number): void {
    const open = lastRow[index]!;
    const entry = kinds.ofKind(call[open]!);
    insert({ timeNs: freeAt[index]!, thread: index, entry, result: result[open]! });
    freeAt[index] = OPEN;
    durationNs[open] = OPEN;
    result[open] = NO_RESULT;
  }

  function insert(later: Return): void {
    let place = putBack.length;
    while (place > 0 && putBack[place - 1]!.timeNs > later.timeNs) place--;
    putBack.splice(place, 0, later);
    setDue();
  }

  function setDue(): void {
    bounds[DUE_NS] = Math.min(putBack[0]?.timeNs ?? OPEN, datedLosses[0]?.timeNs ?? OPEN);
  }

  function passDue(): void {
    if ((datedLosses[0]?.timeNs ?? OPEN) <= bounds[DUE_NS]!) {
      passLoss(datedLosses.shift()!);
    } else {
      const due = putBack.shift()!;
      const freeNs = freeAt[due.thread]!;
      if (freeNs !== OPEN && freeNs > due.timeNs) putBackReturn(due.thread);
      takeReturn(due);
    }
    setDue();
  }

  /** Whoever was in a call on the CPU of a loss may have returned, and entered another, unseen. */
  function passLoss({ cpu: lossCpu, timeNs }: { readonly cpu: number; readonly timeNs: number }): void {
    for (let index = 0; index < tids.length; index++) {
      if (freeAt[index] === OPEN && cpu[lastRow[index]!] === lossCpu) giveUp(index, timeNs);
    }
  }

  /** What a thread is in when it ends lasted until then, and is no hang. */
  function endThread(index: number, timeNs: number): void {
    const freeNs = freeAt[index]!;
    if (freeNs !== OPEN && freeNs > timeNs) putBackReturn(index);
    const open = lastRow[index]!;
    if (freeAt[index] === OPEN) durationNs[open] = timeNs - startNs - enterNs[open]!;
    freeAt[index] = NOT_BEGUN;
    lastRow[index] = UNSEEN;
  }

  /** What a thread was still in when all was recorded, though its process had ended, lasted until then. */
  function endCallsOfEndedProcesses(): void {
    for (let index = 0; index < tids.length; index++) {
      if (freeAt[index] !== OPEN) continue;
      const endNs = processEndNs.get(processOf(tids[index]!));
      const open = lastRow[index]!;
      if (endNs !== undefined && endNs >= enterNs[open]!) durationNs[open] = endNs - enterNs[open]!;
    }
  }

  function newThread(id: number): void {
    const index = tids.length;
    if (id >= threadOf.length) threadOf = grown(threadOf, id + 1);
    if (index >= lastRow.length) {
      lastRow = grown(lastRow, index + 1);
      const times = new Float64Array(lastRow.length).fill(NOT_BEGUN);
      times.set(freeAt);
      freeAt = times;
    }
    threadOf[id] = index;
    tids.push(id);
  }
}

function grown(column: Int32Array<ArrayBuffer>, least: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(least, column.length * 2)).fill(UNSEEN);
  larger.set(column);
  return larger;
}

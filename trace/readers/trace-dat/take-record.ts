import { RESTART_BLOCK } from '../../syscalls/call-traits.ts';
import { NO_RESULT, OPEN } from '../../trace.ts';
import {
  BEFORE_WINDOW,
  DUE_NS,
  descriptorOf,
  type Identified,
  keptResult,
  LOST_ENTERS,
  LOST_RETURNS,
  NOT_BEGUN,
  ROW,
  START_NS,
  takeSwitch,
} from './follow-threads.ts';
import { ENDS_ITS_PROCESS, IS_RESTART, KIND, NAMES_NO_CALL, NEVER_RETURNS, UNSEEN } from './kind-table.ts';
import type { Batch } from './merge-rings.ts';
import { type Return, type RingPairing, setDue } from './ring-pairing.ts';
import { SWITCH } from './ring-records.ts';

/**
 * What follow-threads.ts leaves: the records that need thought, and what is due that is in no ring. The rules are those
 * of call-pairing.ts; besides, what a thread was in on a CPU that lost events is given up at the loss, and a return
 * that was taken for a call's on its own ring and is a later call's is put back until its time has come.
 */

/** Takes a record with every case that there is; of switches, those in which a thread ends. */
export function takeRecord(pairing: RingPairing, batch: Batch, identified: Identified, at: number): void {
  const timeNs = batch.startNs[at]!;
  const thread = identified.thread[at]!;
  if (batch.number[at] === SWITCH) {
    takeSwitch(batch, pairing.switches, pairing.bounds[START_NS]!, pairing.counts, at);
    if (thread !== UNSEEN) endThread(pairing, thread, timeNs);
    return;
  }
  const freeNs = pairing.freeAt[thread]!;
  if (freeNs !== OPEN && freeNs > timeNs) putBackReturn(pairing, thread);
  if (batch.number[at]! >= 0) takeCall(pairing, batch, identified, at);
  else takeReturn(pairing, { timeNs, thread, entry: identified.entry[at]!, result: batch.result[at]! });
}

function takeCall(pairing: RingPairing, batch: Batch, identified: Identified, at: number): void {
  const { columns, lastRow, freeAt, counts } = pairing;
  const timeNs = batch.startNs[at]!;
  const endNs = batch.endNs[at]!;
  const thread = identified.thread[at]!;
  const entry = identified.entry[at]!;
  const before = lastRow[thread]!;
  const isContinued =
    (entry & IS_RESTART) !== 0 && before !== UNSEEN && columns.result[before] === RESTART_BLOCK;
  if (freeAt[thread] === OPEN) giveUp(pairing, thread, timeNs);
  const isOver = (entry & NEVER_RETURNS) !== 0;
  const row = counts[ROW]!++;
  columns.enterNs[row] = timeNs - pairing.bounds[START_NS]!;
  columns.durationNs[row] = isOver ? 0 : OPEN;
  columns.thread[row] = thread;
  columns.cpu[row] = batch.cpu[at]!;
  columns.call[row] = isContinued ? columns.call[before]! : entry & KIND;
  columns.result[row] = NO_RESULT;
  columns.fd[row] = descriptorOf(entry, batch.value[at]!);
  lastRow[thread] = row;
  if (isContinued) pairing.renamedRow.set(thread, row);
  freeAt[thread] = isOver ? NOT_BEGUN : OPEN;
  if (endNs !== OPEN) putBack(pairing, { timeNs: endNs, thread, entry, result: batch.result[at]! });
  if ((entry & ENDS_ITS_PROCESS) !== 0) {
    pairing.processEndNs.set(pairing.processOf(pairing.tids[thread]!), columns.enterNs[row]!);
  }
}

function takeReturn(pairing: RingPairing, { timeNs, thread, entry, result }: Return): void {
  const { columns, lastRow, freeAt, counts, kinds } = pairing;
  if (freeAt[thread] !== OPEN) {
    counts[freeAt[thread] === NOT_BEGUN ? BEFORE_WINDOW : LOST_ENTERS]!++;
    freeAt[thread] = timeNs;
    return;
  }
  const open = lastRow[thread]!;
  const isOpenCalls =
    (entry & KIND) === columns.call[open]! ||
    (entry & NAMES_NO_CALL) !== 0 ||
    ((entry & IS_RESTART) !== 0 && pairing.renamedRow.get(thread) === open);
  if (!isOpenCalls) {
    giveUp(pairing, thread, timeNs);
    counts[LOST_ENTERS]!++;
    return;
  }
  endOpen(pairing, thread, timeNs);
  freeAt[thread] = timeNs;
  columns.result[open] = keptResult(result, kinds.ofKind(columns.call[open]!));
}

/** The thread's open call lasted until then. */
function endOpen({ columns, lastRow, bounds }: RingPairing, thread: number, timeNs: number): void {
  const open = lastRow[thread]!;
  columns.durationNs[open] = timeNs - bounds[START_NS]! - columns.enterNs[open]!;
}

/** The return of the thread's open call is missing. */
function giveUp({ columns, lastRow, freeAt, counts }: RingPairing, thread: number, timeNs: number): void {
  columns.durationNs[lastRow[thread]!] = 0;
  freeAt[thread] = timeNs;
  counts[LOST_RETURNS]!++;
}

/** What was taken for the return of the thread's last call is not, or not yet. */
function putBackReturn(pairing: RingPairing, thread: number): void {
  const { columns, lastRow, freeAt, kinds } = pairing;
  const open = lastRow[thread]!;
  const entry = kinds.ofKind(columns.call[open]!);
  putBack(pairing, { timeNs: freeAt[thread]!, thread, entry, result: columns.result[open]! });
  freeAt[thread] = OPEN;
  columns.durationNs[open] = OPEN;
  columns.result[open] = NO_RESULT;
}

function putBack(pairing: RingPairing, later: Return): void {
  const { putBack } = pairing;
  let place = putBack.length;
  while (place > 0 && putBack[place - 1]!.timeNs > later.timeNs) place--;
  putBack.splice(place, 0, later);
  setDue(pairing);
}

/** What a thread is in when it ends lasted until then, and is no hang. */
function endThread(pairing: RingPairing, thread: number, timeNs: number): void {
  const { lastRow, freeAt } = pairing;
  const freeNs = freeAt[thread]!;
  if (freeNs !== OPEN && freeNs > timeNs) putBackReturn(pairing, thread);
  if (freeAt[thread] === OPEN) endOpen(pairing, thread, timeNs);
  freeAt[thread] = NOT_BEGUN;
  lastRow[thread] = UNSEEN;
}

/** Takes the return or the loss that is due. */
export function passDue(pairing: RingPairing): void {
  const { losses, bounds, freeAt } = pairing;
  if ((losses[0]?.timeNs ?? OPEN) <= bounds[DUE_NS]!) {
    const { cpu, timeNs } = losses.shift()!;
    passLoss(pairing, cpu, timeNs);
  } else {
    const due = pairing.putBack.shift()!;
    const freeNs = freeAt[due.thread]!;
    if (freeNs !== OPEN && freeNs > due.timeNs) putBackReturn(pairing, due.thread);
    takeReturn(pairing, due);
  }
  setDue(pairing);
}

/** Whoever was in a call on the CPU of a loss may have returned, and entered another, unseen. */
function passLoss(pairing: RingPairing, cpu: number, timeNs: number): void {
  const { columns, lastRow, freeAt, tids } = pairing;
  for (let thread = 0; thread < tids.length; thread++) {
    if (freeAt[thread] === OPEN && columns.cpu[lastRow[thread]!] === cpu) giveUp(pairing, thread, timeNs);
  }
}

/** What a thread was still in when all was recorded, though its process had ended, lasted until then. */
export function endCallsOfEndedProcesses(pairing: RingPairing): void {
  const { columns, lastRow, freeAt, tids, processOf, processEndNs } = pairing;
  for (let thread = 0; thread < tids.length; thread++) {
    if (freeAt[thread] !== OPEN) continue;
    const endNs = processEndNs.get(processOf(tids[thread]!));
    const open = lastRow[thread]!;
    if (endNs !== undefined && endNs >= columns.enterNs[open]!) {
      columns.durationNs[open] = endNs - columns.enterNs[open]!;
    }
  }
}

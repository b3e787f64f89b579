import type { CallColumns } from './call-columns.ts';
import { appendCall } from './call-columns.ts';
import type { CallKinds } from './call-kinds.ts';
import { pairingSkips } from './pairing-skips.ts';
import type { SkipTable } from './skip-table.ts';
import { RESTART_BLOCK } from './syscalls/call-traits.ts';
import { NO_FD } from './trace.ts';

/** `kind` of an exit whose source does not say which call returns. */
export const ANY_KIND = -1;

/** Row of a thread that is in no call. */
const NO_ROW = -1;
const MAX_INT32 = 0x7fff_ffff;

/** Last kind of a thread that has returned from a call, and nobody knows which. */
const SOME_KIND = -2;

const { beforeWindow, lostEnter, lostReturn } = pairingSkips('Record with a larger buffer, or fewer events.');

/**
 * Pairs the enters and exits of each thread into calls. Rules where the source leaves doubt:
 * - a call that never returns (exit, exit_group) is complete, with duration 0: nobody waits for it;
 * - a call without exit before the thread's next enter has an unknown end: duration 0 and no result, which can
 *   make no call look slow that was not;
 * - an exit that names another call than the open one has lost its enter, and the open call its exit; one that names
 *   no call (rt_sigreturn's has number -1) is the open call's, whichever that is;
 * - an exit without enter is normal as the first event of a thread, or of one that has the id of one that ended: the
 *   call began before the window, or before a fork. Later, its enter was lost;
 * - a call open when its thread or process ended lasted until then, and is no hang;
 * - restart_syscall right after a call that ended with ERESTART_RESTARTBLOCK is named like that call.
 *
 * readers/trace-dat/take-record.ts follows the same rules over several rings at once; a test holds them together.
 */
export interface CallPairing {
  readonly columns: CallColumns;
  readonly kinds: CallKinds;
  readonly skips: SkipTable;
  /**
   * The event's time in nanoseconds, to be set before each of the functions below: handed over in memory, because
   * the engine puts a floating-point argument on the heap wherever it does not inline the call.
   */
  readonly nowNs: Float64Array;
  /** Per thread, the row of its open call, or NO_ROW. */
  readonly openRow: number[];
  /** Per thread, the kind of the call that a restart_syscall would continue, or ANY_KIND. */
  readonly continues: number[];
  /** Per thread, the kind of its last call, SOME_KIND, or ANY_KIND before its first event. */
  readonly lastKind: number[];
  /** Per thread, whether the open call was entered as restart_syscall but carries the name of what it continues. */
  readonly renamed: boolean[];
}

export function createCallPairing(columns: CallColumns, kinds: CallKinds, skips: SkipTable): CallPairing {
  return {
    columns,
    kinds,
    skips,
    nowNs: new Float64Array(1),
    openRow: [],
    continues: [],
    lastKind: [],
    renamed: [],
  };
}

/** A thread enters a call; returns its row. `at` is the line or byte, for the skip table. */
export function enterCall(
  pairing: CallPairing,
  thread: number,
  cpu: number,
  kind: number,
  fd: number,
  at: number,
): number {
  const { columns, kinds, openRow, continues } = pairing;
  if (thread >= openRow.length) know(pairing, thread);
  if (openRow[thread] !== NO_ROW) giveUpOpen(pairing, thread, at);
  const restarts = kinds.isRestart[kind]! && continues[thread] !== ANY_KIND;
  const named = restarts ? continues[thread]! : kind;
  const row = appendCall(columns, thread, cpu, named, fd);
  columns.enterNs[row] = pairing.nowNs[0]!;
  pairing.lastKind[thread] = named;
  if (kinds.neverReturns[kind]) {
    columns.durationNs[row] = 0;
    beginAnew(pairing, thread);
    return row;
  }
  pairing.renamed[thread] = restarts;
  openRow[thread] = row;
  return row;
}

/** A thread returns from a call; returns its row, or NO_ROW where the beginning is not in the trace. */
export function exitCall(
  pairing: CallPairing,
  thread: number,
  kind: number,
  result: number,
  at: number,
): number {
  const { columns, kinds, openRow, lastKind } = pairing;
  if (thread >= openRow.length) know(pairing, thread);
  const row = openRow[thread]!;
  if (row === NO_ROW) {
    pairing.skips.add(lastKind[thread] === ANY_KIND ? beforeWindow : lostEnter, at);
    lastKind[thread] = kind === ANY_KIND ? SOME_KIND : kind;
    return NO_ROW;
  }
  const open = columns.call[row]!;
  if (kind !== open && kind !== ANY_KIND && !(pairing.renamed[thread] && kinds.isRestart[kind])) {
    giveUpOpen(pairing, thread, at);
    pairing.skips.add(lostEnter, at);
    return NO_ROW;
  }
  const duration = pairing.nowNs[0]! - columns.enterNs[row]!;
  columns.durationNs[row] = Math.max(0, duration);
  columns.result[row] = result > 0 && kinds.returnsAddress[open] ? 0 : clampResult(result);
  openRow[thread] = NO_ROW;
  pairing.continues[thread] = result === RESTART_BLOCK ? open : ANY_KIND;
  return row;
}

/** The thread is gone: its open call lasted until now. */
export function endThread(pairing: CallPairing, thread: number): void {
  const { columns, openRow, nowNs } = pairing;
  if (thread >= openRow.length) return;
  beginAnew(pairing, thread);
  const row = openRow[thread]!;
  if (row === NO_ROW) return;
  columns.durationNs[row] = Math.max(0, nowNs[0]! - columns.enterNs[row]!);
  openRow[thread] = NO_ROW;
}

/** Kind of the thread's open call, or ANY_KIND. */
export function openKind({ columns, openRow }: CallPairing, thread: number): number {
  const row = openRow[thread] ?? NO_ROW;
  return row === NO_ROW ? ANY_KIND : columns.call[row]!;
}

function know(pairing: CallPairing, thread: number): void {
  while (pairing.openRow.length <= thread) {
    pairing.openRow.push(NO_ROW);
    pairing.continues.push(ANY_KIND);
    pairing.lastKind.push(ANY_KIND);
    pairing.renamed.push(false);
  }
}

/** Whoever comes under the thread's number now is another thread. */
function beginAnew({ lastKind, continues }: CallPairing, thread: number): void {
  lastKind[thread] = ANY_KIND;
  continues[thread] = ANY_KIND;
}

function giveUpOpen({ columns, openRow, continues, skips }: CallPairing, thread: number, at: number): void {
  columns.durationNs[openRow[thread]!] = 0;
  openRow[thread] = NO_ROW;
  continues[thread] = ANY_KIND;
  skips.add(lostReturn, at);
}

/** Results fit int32, NO_RESULT (its lowest number) excepted. */
function clampResult(result: number): number {
  return Math.max(-MAX_INT32, Math.min(MAX_INT32, result));
}

/** A first argument as a descriptor: the kernel looks at its low 32 bits, and AT_FDCWD is none. */
export function descriptor(argument: number): number {
  const low = argument | 0;
  return low < 0 ? NO_FD : low;
}

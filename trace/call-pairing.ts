import type { CallColumns } from './call-columns.ts';
import { appendCall } from './call-columns.ts';
import type { CallKinds } from './call-kinds.ts';
import type { SkipKind, SkipTable } from './skip-table.ts';
import { RESTART_BLOCK } from './syscalls/call-traits.ts';
import { NO_FD } from './trace.ts';

/** `kind` of an exit whose source does not say which call returns. */
export const ANY_KIND = -1;

const NO_ROW = -1;
const MAX_INT32 = 0x7fff_ffff;

const BEFORE_WINDOW: SkipKind = {
  reason: 'returns of calls that began before the window, or before a fork',
  severity: 'info',
  remedy: '',
};
const LOST_ENTER: SkipKind = {
  reason: 'returns whose beginning was not recorded',
  severity: 'loss',
  remedy: 'Record with a larger buffer, or fewer events.',
};
const LOST_EXIT: SkipKind = {
  reason: 'calls whose return was not recorded: kept, with duration 0 and no result',
  severity: 'loss',
  remedy: 'Record with a larger buffer, or fewer events.',
};

/**
 * Pairs the enters and exits of each thread into calls. Rules where the source leaves doubt:
 * - a call that never returns (exit, exit_group) is complete, with duration 0: nobody waits for it;
 * - a call without exit before the thread's next enter has an unknown end: duration 0 and no result, which can
 *   make no call look slow that was not;
 * - a call open when its thread or process ended lasted until then, and is no hang;
 * - restart_syscall after ERESTART_RESTARTBLOCK is named like the call that it continues.
 */
export interface CallPairing {
  /**
   * The event's time in nanoseconds, to be set before each of the calls below: handed over in memory, because the
   * engine puts a floating-point argument on the heap wherever it does not inline the call.
   */
  readonly nowNs: Float64Array;
  /** A thread enters a call; returns its row. */
  enter(thread: number, cpu: number, kind: number, fd: number, at: number): number;
  /** A thread returns from a call; returns its row, or -1 where the beginning is not in the trace. */
  exit(thread: number, kind: number, result: number, at: number): number;
  /** The thread is gone: its open call lasted until now. */
  threadEnded(thread: number): void;
  /** Kind of the thread's open call, or -1. */
  openKind(thread: number): number;
  /** Kind of the last call that the thread made, or -1. */
  lastKind(thread: number): number;
}

export function createCallPairing(columns: CallColumns, kinds: CallKinds, skips: SkipTable): CallPairing {
  const nowNs = new Float64Array(1);
  const openRow: number[] = [];
  /** Kind of the call that a restart_syscall would continue, or -1. */
  const continues: number[] = [];
  const last: number[] = [];
  /** True where the open call was entered as restart_syscall but carries the name of what it continues. */
  const renamed: boolean[] = [];

  const know = (thread: number): void => {
    while (openRow.length <= thread) {
      openRow.push(NO_ROW);
      continues.push(ANY_KIND);
      last.push(ANY_KIND);
      renamed.push(false);
    }
  };
  const giveUpOpen = (thread: number, at: number): void => {
    columns.durationNs[openRow[thread]!] = 0;
    openRow[thread] = NO_ROW;
    skips.add(LOST_EXIT, at);
  };

  return {
    nowNs,
    enter(thread, cpu, kind, fd, at) {
      if (thread >= openRow.length) know(thread);
      if (openRow[thread] !== NO_ROW) giveUpOpen(thread, at);
      const restarts = kinds.isRestart[kind]! && continues[thread] !== ANY_KIND;
      const named = restarts ? continues[thread]! : kind;
      const row = appendCall(columns, thread, cpu, named, fd);
      columns.enterNs[row] = nowNs[0]!;
      last[thread] = named;
      if (kinds.neverReturns[kind]) {
        columns.durationNs[row] = 0;
        return row;
      }
      renamed[thread] = restarts;
      openRow[thread] = row;
      return row;
    },
    exit(thread, kind, result, at) {
      if (thread >= openRow.length) know(thread);
      const row = openRow[thread]!;
      if (row === NO_ROW) {
        skips.add(last[thread] === ANY_KIND ? BEFORE_WINDOW : LOST_ENTER, at);
        if (kind !== ANY_KIND) last[thread] = kind;
        return NO_ROW;
      }
      const open = columns.call[row]!;
      if (kind !== open && kind !== ANY_KIND && !(renamed[thread] && kinds.isRestart[kind])) {
        giveUpOpen(thread, at);
        skips.add(LOST_ENTER, at);
        return NO_ROW;
      }
      const duration = nowNs[0]! - columns.enterNs[row]!;
      columns.durationNs[row] = Math.max(0, duration);
      columns.result[row] = result > 0 && kinds.returnsAddress[open] ? 0 : clampResult(result);
      openRow[thread] = NO_ROW;
      continues[thread] = result === RESTART_BLOCK ? open : ANY_KIND;
      return row;
    },
    threadEnded(thread) {
      const row = openRow[thread] ?? NO_ROW;
      if (row === NO_ROW) return;
      columns.durationNs[row] = Math.max(0, nowNs[0]! - columns.enterNs[row]!);
      openRow[thread] = NO_ROW;
    },
    openKind: (thread) => {
      const row = openRow[thread] ?? NO_ROW;
      return row === NO_ROW ? ANY_KIND : columns.call[row]!;
    },
    lastKind: (thread) => last[thread] ?? ANY_KIND,
  };
}

/** Results fit int32, NO_RESULT (its lowest number) excepted. */
export function clampResult(result: number): number {
  return Math.max(-MAX_INT32, Math.min(MAX_INT32, result));
}

/** A first argument as a descriptor: the kernel looks at its low 32 bits, and AT_FDCWD is none. */
export function descriptor(argument: number): number {
  const low = argument | 0;
  return low < 0 ? NO_FD : low;
}

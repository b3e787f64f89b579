import { newColumns, pickRows, resizeColumns, rowsByTime } from './columns.ts';
import { type Switches, switchColumns } from './trace.ts';

const FIRST_CAPACITY = 1024;

/** The growing columns of context switches; threads are named by tid until all of them are known. */
export interface SwitchColumns {
  append(timeNs: number, cpu: number, previousTid: number, nextTid: number, runnable: boolean): void;
  /** The switches sorted by time, or null where there was none. */
  seal(threadOfTid: (tid: number) => number): Switches | null;
}

export function createSwitchColumns(): SwitchColumns {
  let length = 0;
  let capacity = FIRST_CAPACITY;
  let columns = newColumns(switchColumns, capacity);
  const resize = (rows: number): void => {
    columns = resizeColumns(switchColumns, columns, rows);
    capacity = rows;
  };
  return {
    append(timeNs, cpu, previousTid, nextTid, runnable) {
      if (length === capacity) resize(Math.ceil(capacity * 1.5));
      columns.timeNs[length] = timeNs;
      columns.cpu[length] = cpu;
      columns.previous[length] = previousTid;
      columns.next[length] = nextTid;
      columns.runnable[length] = runnable ? 1 : 0;
      length++;
    },
    seal(threadOfTid) {
      if (length === 0) return null;
      resize(length);
      const sorted = pickRows(switchColumns, columns, rowsByTime(columns.timeNs));
      sorted.previous = sorted.previous.map((tid) => threadOfTid(tid));
      sorted.next = sorted.next.map((tid) => threadOfTid(tid));
      return sorted;
    },
  };
}

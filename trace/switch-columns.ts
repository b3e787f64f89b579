import type { Switches } from './trace.ts';

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
  let timeNs = new Float64Array(capacity);
  let cpus = new Uint16Array(capacity);
  let previous = new Int32Array(capacity);
  let next = new Int32Array(capacity);
  let runnables = new Uint8Array(capacity);
  const resize = (rows: number): void => {
    timeNs = new Float64Array(timeNs.buffer.transfer(rows * 8));
    cpus = new Uint16Array(cpus.buffer.transfer(rows * 2));
    previous = new Int32Array(previous.buffer.transfer(rows * 4));
    next = new Int32Array(next.buffer.transfer(rows * 4));
    runnables = new Uint8Array(runnables.buffer.transfer(rows));
    capacity = rows;
  };
  return {
    append(time, cpu, previousTid, nextTid, runnable) {
      if (length === capacity) resize(Math.ceil(capacity * 1.5));
      timeNs[length] = time;
      cpus[length] = cpu;
      previous[length] = previousTid;
      next[length] = nextTid;
      runnables[length] = runnable ? 1 : 0;
      length++;
    },
    seal(threadOfTid) {
      if (length === 0) return null;
      resize(length);
      const order = new Uint32Array(length).map((_, row) => row);
      order.sort((a, b) => timeNs[a]! - timeNs[b]! || a - b);
      return {
        timeNs: timeNs.map((_, row) => timeNs[order[row]!]!),
        cpu: cpus.map((_, row) => cpus[order[row]!]!),
        previous: previous.map((_, row) => threadOfTid(previous[order[row]!]!)),
        next: next.map((_, row) => threadOfTid(next[order[row]!]!)),
        runnable: runnables.map((_, row) => runnables[order[row]!]!),
      };
    },
  };
}

import type { Thread } from './trace.ts';

/** The threads of a trace in the order of appearance; pid and comm may become known later than the thread. */
export interface ThreadTable {
  readonly rows: { pid: number; tid: number; comm: string }[];
  /** Index of the thread; a tid that turns up under another pid is another thread (the kernel reuses tids). */
  find(pid: number, tid: number): number;
  /** Index of the thread that had this tid last, or -1. */
  findTid(tid: number): number;
  /** Gives a thread the tid that its source told late. */
  rename(index: number, tid: number): void;
  toThreads(): Thread[];
}

export function createThreadTable(): ThreadTable {
  const latest = new Map<number, number>();
  const rows: { pid: number; tid: number; comm: string }[] = [];
  return {
    rows,
    find(pid, tid) {
      const index = latest.get(tid);
      if (index !== undefined && rows[index]!.pid === pid) return index;
      latest.set(tid, rows.length);
      rows.push({ pid, tid, comm: '' });
      return rows.length - 1;
    },
    findTid: (tid) => latest.get(tid) ?? -1,
    rename(index, tid) {
      const row = rows[index]!;
      latest.delete(row.tid);
      row.pid = tid;
      row.tid = tid;
      latest.set(tid, index);
    },
    toThreads: () => rows.map(({ pid, tid, comm }) => ({ pid, tid, comm })),
  };
}

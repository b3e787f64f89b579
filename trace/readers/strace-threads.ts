import { createThreadTable } from '../thread-table.ts';
import type { Thread } from '../trace.ts';

/**
 * Whose line it is. Standard error names threads only while there are several: a line without an id is of the one that
 * is left, and the first id that nobody announced is the first thread's.
 */
export interface StraceThreads {
  /** Index of the thread that a line names, UNKNOWN_TID where it names none. */
  find(printed: number): number;
  /** strace says that it attached to a thread. */
  attached(tid: number): void;
  /** A thread has entered clone: whether it makes a thread of its own process. */
  clones(thread: number, isThread: boolean): void;
  /** A thread's clone has returned the id of what it made. */
  made(thread: number, child: number): void;
  ended(thread: number): void;
  /** All threads, each in the process that its makers tell. */
  toThreads(): Thread[];
}

/** Id of a line that names no thread. */
const UNKNOWN_TID = 0;

export function createStraceThreads(): StraceThreads {
  const threads = createThreadTable();
  /** Threads whose open call is a clone with CLONE_THREAD. */
  const makingThread = new Set<number>();
  /** tid → the thread (index) that made it by clone with CLONE_THREAD. */
  const madeBy = new Map<number, number>();
  /** Processes that strace or clone named, so that a tid beyond them must be the first process. */
  const announced = new Set<number>();
  /** Threads that are there and have not ended; UNKNOWN_TID while the first one has no name yet. */
  const live = new Set<number>();

  const tidOf = (printed: number): number => {
    if (printed !== UNKNOWN_TID) {
      const first = threads.findTid(UNKNOWN_TID);
      if (first >= 0 && threads.findTid(printed) < 0 && !announced.has(printed)) {
        threads.rename(first, printed);
        live.delete(UNKNOWN_TID);
      }
      live.add(printed);
      return printed;
    }
    if (live.size === 0) live.add(UNKNOWN_TID);
    for (const tid of live) return tid;
    return UNKNOWN_TID;
  };

  /** Follows CLONE_THREAD from thread to maker; the visited set ends loops that reused tids could make. */
  const processOf = (tid: number): number => {
    const visited = new Set<number>();
    let current = tid;
    for (;;) {
      const maker = madeBy.get(current);
      if (maker === undefined || visited.has(current)) return current;
      visited.add(current);
      current = threads.rows[maker]!.tid;
    }
  };

  return {
    find(printed) {
      const tid = tidOf(printed);
      return threads.find(tid, tid);
    },
    attached(tid) {
      announced.add(tid);
      live.add(tid);
    },
    clones(thread, isThread) {
      if (isThread) makingThread.add(thread);
      else makingThread.delete(thread);
    },
    made(thread, child) {
      announced.add(child);
      if (makingThread.has(thread)) madeBy.set(child, thread);
    },
    ended(thread) {
      live.delete(threads.rows[thread]?.tid ?? UNKNOWN_TID);
    },
    toThreads: () => threads.toThreads().map((thread) => ({ ...thread, pid: processOf(thread.tid) })),
  };
}

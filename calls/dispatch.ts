import { OPEN, type Trace } from '../trace/trace.ts';

/** Per thread, whether a call (index into `callNames`) is its dispatch call. */
export type DispatchCalls = readonly ReadonlySet<number>[];

/** A call that holds this share of a thread's time spent waiting in calls is where it waits for work. */
const DISPATCH_WAIT_SHARE = 0.2;
/** A wait counts as blocking from here on: shorter calls did their work without sleeping. */
const BLOCKING_NS = 200_000;
/**
 * Calls that wait for a disk or for memory, never for work (their man pages, section 2): a slow disk is no dispatcher.
 */
const NEVER_FOR_WORK = new Set(
  (
    'fsync fdatasync sync syncfs sync_file_range msync open openat openat2 creat close rename renameat renameat2 ' +
    'link linkat symlink symlinkat unlink unlinkat mkdir mkdirat rmdir stat lstat fstat newfstatat statx access ' +
    'faccessat faccessat2 readlink readlinkat chmod fchmod fchmodat chown fchown lchown fchownat utimensat ' +
    'truncate ftruncate fallocate fadvise64 readahead pread64 preadv preadv2 pwrite64 pwritev pwritev2 ' +
    'write writev sendfile copy_file_range getdents getdents64 mmap munmap mremap mprotect madvise brk ' +
    'clone clone3 fork vfork execve'
  ).split(' '),
);
/** A thread waits for work again and again. */
const MINIMUM_WAITS = 5;

/**
 * The dispatch calls of each thread, from the data: the calls in which it spends its waiting time, returning again
 * and again. Threads of one process that share a name share their dispatch calls, so that a thread that the window
 * shows only spinning is judged by its siblings.
 */
export function dispatchCalls(trace: Trace): DispatchCalls {
  const waits: Map<number, Wait>[] = trace.threads.map(() => new Map());
  const mayWaitForWork = trace.callNames.map((name) => !NEVER_FOR_WORK.has(name));
  for (let row = 0; row < trace.length; row++) {
    const durationNs = trace.durationNs[row] as number;
    const call = trace.call[row] as number;
    if (durationNs === OPEN || durationNs < BLOCKING_NS || !mayWaitForWork[call]) continue;
    addWait(waits[trace.thread[row] as number] as Map<number, Wait>, call, durationNs, 1);
  }
  const roles = new Map<string, number[]>();
  for (const [index, { pid, comm }] of trace.threads.entries()) {
    const role = `${pid}\0${comm}`;
    const members = roles.get(role);
    if (members === undefined) roles.set(role, [index]);
    else members.push(index);
  }
  const dispatch: ReadonlySet<number>[] = [];
  for (const members of roles.values()) {
    // Once for all members: a server may have ten thousand threads of one name.
    let shared: ReadonlySet<number> | null = null;
    for (const member of members) {
      const own = waitingCalls(waits[member] as Map<number, Wait>);
      if (own.size === 0) shared ??= waitingCalls(merged(members.map((index) => waits[index] ?? new Map())));
      dispatch[member] = own.size > 0 ? own : (shared ?? own);
    }
  }
  return dispatch;
}

/** Blocking waits in one call. */
interface Wait {
  totalNs: number;
  times: number;
}

function addWait(waits: Map<number, Wait>, call: number, ns: number, times: number): void {
  const known = waits.get(call);
  if (known === undefined) {
    waits.set(call, { totalNs: ns, times });
    return;
  }
  known.totalNs += ns;
  known.times += times;
}

function merged(threads: readonly ReadonlyMap<number, Wait>[]): Map<number, Wait> {
  const all = new Map<number, Wait>();
  for (const waits of threads) {
    for (const [call, { totalNs, times }] of waits) addWait(all, call, totalNs, times);
  }
  return all;
}

function waitingCalls(waits: ReadonlyMap<number, Wait>): Set<number> {
  let allNs = 0;
  for (const { totalNs } of waits.values()) allNs += totalNs;
  const calls = new Set<number>();
  for (const [call, { totalNs, times }] of waits) {
    if (times >= MINIMUM_WAITS && totalNs >= DISPATCH_WAIT_SHARE * allNs) calls.add(call);
  }
  return calls;
}

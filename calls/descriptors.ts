import type { Trace } from '../trace/trace.ts';
import { pairKey } from './pair-key.ts';
import { pidOf } from './threads.ts';

/** How a descriptor came to be: a peer connected, the process opened it, or it is a copy of another. */
export type DescriptorOrigin = 'accepted' | 'opened' | 'copied';

/** The calls whose result is a new descriptor (their man pages, section 2). */
export const DESCRIPTOR_MAKERS: ReadonlyMap<string, DescriptorOrigin> = new Map<string, DescriptorOrigin>([
  ['accept', 'accepted'],
  ['accept4', 'accepted'],
  ['creat', 'opened'],
  ['dup', 'copied'],
  ['dup2', 'copied'],
  ['dup3', 'copied'],
  ['epoll_create', 'opened'],
  ['epoll_create1', 'opened'],
  ['eventfd', 'opened'],
  ['eventfd2', 'opened'],
  ['inotify_init', 'opened'],
  ['inotify_init1', 'opened'],
  ['io_uring_setup', 'opened'],
  ['memfd_create', 'opened'],
  ['open', 'opened'],
  ['openat', 'opened'],
  ['openat2', 'opened'],
  ['pidfd_open', 'opened'],
  ['signalfd', 'opened'],
  ['signalfd4', 'opened'],
  ['socket', 'opened'],
  ['timerfd_create', 'opened'],
  ['userfaultfd', 'opened'],
]);

/**
 * Visits each pair of successive calls on one descriptor of one process, with the time from the first's return to the
 * second's enter. A closed descriptor's number starts anew.
 */
export function eachDescriptorGap(
  trace: Trace,
  visit: (previous: number, row: number, gapNs: number) => void,
): void {
  const last = new Map<number, number>();
  const closes = trace.callNames.map((name) => name === 'close');
  for (let row = 0; row < trace.length; row++) {
    const fd = trace.fd[row] as number;
    if (fd < 0) continue;
    const key = pairKey(pidOf(trace, row), fd);
    const previous = last.get(key);
    if (previous !== undefined) {
      const returned = (trace.enterNs[previous] as number) + (trace.durationNs[previous] as number);
      visit(previous, row, Math.max(0, (trace.enterNs[row] as number) - returned));
    }
    if (closes[trace.call[row] as number]) last.delete(key);
    else last.set(key, row);
  }
}

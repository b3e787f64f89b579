import type { RecordedThread } from '../trace/recording.ts';
import { describeTarget, runningProcesses, type Target, threadTable } from './target.ts';
import { followProcesses } from './tracefs/arm-ring.ts';

/** The service's processes as the watch saw them last. Only those that are new are looked at closely. */
export interface WatchedProcesses {
  /** Looks again; returns the threads that are to be remembered. */
  look(target: Target): RecordedThread[];
  /** Looks at all of them closely: threads of processes that were there before. */
  lookAtAll(): RecordedThread[];
  /** What changed since it was last asked for and is worth a line in the log; null where that is nothing. */
  news(nowSeconds: number): string | null;
  readonly count: number;
}

/** More are counted instead of listed. */
const MOST_LISTED = 8;
/** Between lines about processes that come and go while the service goes on. */
const NEWS_SECONDS = 30;

export function watchedProcesses(instance: string, target: Target): WatchedProcesses {
  let known: ReadonlySet<number> = new Set(runningProcesses(target));
  /** Those of the look before: a process that was just forked gets its name when it executes its program. */
  let young: readonly number[] = [...known];
  let named = describeTarget(target);
  let told: ReadonlySet<number> = known;
  let toldAt = Number.NEGATIVE_INFINITY;

  return {
    look(target) {
      const running = runningProcesses(target, known);
      // A process id that was once free may be somebody else's, until «record» names it anew.
      const isNamedAnew = describeTarget(target) !== named;
      const now = target.kind === 'pid' && !isNamedAnew ? running.filter((pid) => known.has(pid)) : running;
      named = describeTarget(target);
      const fresh = now.filter((pid) => !known.has(pid));
      if (fresh.length > 0) followProcesses(instance, fresh);
      const threads = fresh.length + young.length === 0 ? [] : threadTable([...young, ...fresh]);
      known = new Set(now);
      young = fresh;
      return threads;
    },
    lookAtAll() {
      followProcesses(instance, [...known]);
      return threadTable([...known]);
    },
    news(nowSeconds) {
      const line = describeChange(told, known);
      // That the service ended or came back is worth a line at once.
      const isRestart = (told.size === 0) !== (known.size === 0);
      if (line === null || (!isRestart && nowSeconds - toldAt < NEWS_SECONDS)) return null;
      told = known;
      toldAt = nowSeconds;
      return line;
    },
    get count() {
      return known.size;
    },
  };
}

function describeChange(before: ReadonlySet<number>, now: ReadonlySet<number>): string | null {
  const added = [...now].filter((pid) => !before.has(pid)).length;
  const ended = [...before].filter((pid) => !now.has(pid)).length;
  if (added + ended === 0) return null;
  if (now.size <= MOST_LISTED) return `processes are now ${[...now].join(' ') || 'none'}`;
  return `processes: ${added} new, ${ended} ended, now ${now.size}`;
}

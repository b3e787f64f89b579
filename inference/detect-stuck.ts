import type { Calls } from '../calls/calls.ts';
import type { DispatchCalls } from '../calls/dispatch.ts';
import { OPEN, type Trace } from '../trace/trace.ts';
import { NO_STATE } from './attribute.ts';
import { evidenceCalls, type StuckCall, type StuckFinding } from './finding.ts';
import { LAST_CALLS, leadingCalls, MINIMUM_CALLS } from './last-calls.ts';
import type { Observation } from './observation.ts';

/** A call is stuck when it has been open this many times longer than the longest normal one of its place … */
const OPEN_RATIO = 3;
/** … and at least this long. */
const MINIMUM_OPEN_NS = 50e6;
/** Of threads that pile up, the first is nearest to the cause: each later one counts for this much of the one before. */
const LATER_WEIGHT = 0.7;

/**
 * Calls that wait for whatever happens next (their man pages, section 2): however long they last, they are no hang,
 * unless the thread holds a request that it has not answered, and signatures tell what answering looks like.
 */
const WAITS_FOR_EVENTS = new Set(
  (
    'epoll_wait epoll_pwait epoll_pwait2 poll ppoll select pselect6 accept accept4 io_getevents ' +
    'io_pgetevents io_uring_enter rt_sigtimedwait rt_sigsuspend pause wait4 waitid mq_timedreceive msgrcv semop ' +
    'semtimedop'
  ).split(' '),
);

/** A thread whose last call has not returned for far longer than normal (a hang in a call). */
export function detectStuck({ calls, knowledge }: Observation): StuckFinding | null {
  const { trace, threadRows, dispatch } = calls;
  const endNs = trace.window.endNs;
  const inDebt = threadsInDebt(calls);
  const waitsForWork = callsThatWaitForWork(dispatch);
  const stuck: StuckCall[] = [];
  for (const [thread, rows] of threadRows.entries()) {
    const row = rows.at(-1);
    if (row === undefined || rows.length < MINIMUM_CALLS || trace.durationNs[row] !== OPEN) continue;
    const call = trace.call[row] as number;
    const name = trace.callNames[call] as string;
    if (LAST_CALLS.has(name) || dispatch[thread]?.has(call)) continue;
    const openNs = endNs - (trace.enterNs[row] as number);
    let normalNs = 0;
    for (const earlier of rows) {
      if (trace.call[earlier] !== call || trace.durationNs[earlier] === OPEN) continue;
      normalNs = Math.max(normalNs, trace.durationNs[earlier] as number);
    }
    if (knowledge !== null) {
      const { attribution, model, normal } = knowledge;
      const state = attribution.states[row] as number;
      const places = state === NO_STATE ? (model.byCall.get(name) ?? []) : [state];
      for (const place of places) normalNs = Math.max(normalNs, normal.states.longestNs[place] as number);
    }
    if (WAITS_FOR_EVENTS.has(name) && knowledge === null) continue;
    if ((waitsForWork.has(call) || WAITS_FOR_EVENTS.has(name)) && !inDebt.has(thread)) continue;
    if (openNs < longestRestNs(trace, rows, dispatch[thread])) continue;
    const ratio = openNs / Math.max(normalNs, MINIMUM_OPEN_NS / OPEN_RATIO);
    if (ratio >= OPEN_RATIO) stuck.push({ thread, row, openNs, normalNs, ratio });
  }
  if (stuck.length === 0) return null;
  stuck.sort((a, b) => b.openNs - a.openNs || a.thread - b.thread);
  const inOrder = [...stuck].sort(
    (a, b) => (trace.enterNs[a.row] as number) - (trace.enterNs[b.row] as number),
  );
  const first = stuck[0] as StuckCall;
  return {
    kind: 'stuck',
    onsetNs: endNs - first.openNs,
    abnormality: stuck.reduce((most, { ratio }) => Math.max(most, ratio), 0),
    calls: evidenceCalls(
      inOrder.flatMap(({ thread, row }, place) =>
        leadingCalls(threadRows[thread] as Uint32Array, row).map((call) => ({
          row: call.row,
          weight: call.weight * LATER_WEIGHT ** place,
        })),
      ),
    ),
    threads: stuck.map(({ thread }) => thread),
    stuck,
  };
}

/**
 * Calls in which some thread of the trace waits for work (a condition variable and a lock are both a futex): a long
 * wait in them is nothing special, unless the thread holds a request that it has not answered.
 */
function callsThatWaitForWork(dispatch: DispatchCalls): ReadonlySet<number> {
  const waits = new Set<number>();
  for (const calls of dispatch) for (const call of calls) waits.add(call);
  return waits;
}

/** Threads (index) that received a request which nobody has answered when the window ends. */
function threadsInDebt({ trace, requests }: Calls): Set<number> {
  return new Set(
    requests.filter(({ answered }) => answered < 0).map(({ received }) => trace.thread[received] as number),
  );
}

/**
 * Longest time that the thread rested before, other than in its dispatch calls: also before its first event, which may
 * be the return of a call that began before the window. A thread that rests long anyway is not stuck.
 */
function longestRestNs(trace: Trace, rows: Uint32Array, dispatch: ReadonlySet<number> | undefined): number {
  let longest = 0;
  let last = 0;
  for (const row of rows) {
    const enter = trace.enterNs[row] as number;
    longest = Math.max(longest, enter - last);
    const duration = trace.durationNs[row] as number;
    if (duration === OPEN) break;
    if (!dispatch?.has(trace.call[row] as number)) longest = Math.max(longest, duration);
    last = enter + duration;
  }
  return longest;
}

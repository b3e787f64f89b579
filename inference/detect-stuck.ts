import type { DispatchCalls } from '../calls/dispatch.ts';
import { requests } from '../calls/requests.ts';
import { OPEN, type Trace } from '../trace/trace.ts';
import { NO_STATE } from './attribute.ts';
import { evidenceCalls, type Finding, type Observation } from './evidence.ts';

/** A call is stuck when it has been open this many times longer than the longest normal one of its place … */
const OPEN_RATIO = 3;
/** … and at least this long. */
const MINIMUM_OPEN_NS = 50e6;
/** A thread is gone when it makes no call for this many times its longest normal time between calls … */
const SILENCE_RATIO = 5;
/** … and at least this long. */
const MINIMUM_SILENCE_NS = 1e9;
/** A thread that made fewer calls shows no habit to compare with. */
const MINIMUM_CALLS = 10;
/** Calls right before the last one that count as evidence of where the thread was, each at half the weight of the next. */
const LEAD_CALLS = 3;

/** Of threads that pile up, the first is nearest to the cause: each later one counts for this much of the one before. */
const LATER_WEIGHT = 0.7;

/** Calls with which a thread ends: what follows is no silence. */
const LAST_CALLS = new Set(['exit', 'exit_group']);

/** A thread whose last call has not returned for far longer than normal (a hang in a call). */
export function detectStuck(observation: Observation): Finding | null {
  const { trace, threadRows, dispatch, normal } = observation;
  const endNs = trace.window.endNs;
  const inDebt = threadsInDebt(trace);
  const waitsForWork = callsThatWaitForWork(dispatch);
  const stuck: { thread: number; row: number; openNs: number; ratio: number }[] = [];
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
    if (normal !== null) {
      const state = normal.attribution.states[row] as number;
      const places = state === NO_STATE ? (normal.model.byCall.get(name) ?? []) : [state];
      for (const place of places) normalNs = Math.max(normalNs, (normal.set.states[place]?.[5] ?? 0) * 1e9);
    }
    if (waitsForWork.has(call) && !inDebt.has(thread)) continue;
    if (openNs < longestRestNs(trace, rows, dispatch[thread])) continue;
    const ratio = openNs / Math.max(normalNs, MINIMUM_OPEN_NS / OPEN_RATIO);
    if (ratio >= OPEN_RATIO) stuck.push({ thread, row, openNs, ratio });
  }
  if (stuck.length === 0) return null;
  stuck.sort((a, b) => b.openNs - a.openNs || a.thread - b.thread);
  const inOrder = [...stuck].sort(
    (a, b) => (trace.enterNs[a.row] as number) - (trace.enterNs[b.row] as number),
  );
  const first = stuck[0] as (typeof stuck)[number];
  const name = trace.callNames[trace.call[first.row] as number] as string;
  return {
    kind: 'stuck',
    onsetNs: endNs - first.openNs,
    abnormality: stuck.reduce((most, { ratio }) => Math.max(most, ratio), 0),
    extent: stuck.length / threadRows.length,
    calls: evidenceCalls(
      inOrder.flatMap(({ thread, row }, place) =>
        leadingCalls(threadRows[thread] as Uint32Array, row).map((call) => ({
          row: call.row,
          weight: call.weight * LATER_WEIGHT ** place,
        })),
      ),
    ),
    threads: stuck.map(({ thread }) => thread),
    description:
      `${stuck.length === 1 ? 'a thread has' : `${stuck.length} threads have`} not returned from ${name} ` +
      `for ${seconds(first.openNs)} (normally at most ${seconds(first.openNs / first.ratio)})`,
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
function threadsInDebt(trace: Trace): Set<number> {
  return new Set(
    requests(trace)
      .filter(({ answered }) => answered < 0)
      .map(({ received }) => trace.thread[received] as number),
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

/** A thread that makes no calls any more although it waits in none: it burns CPU, or the kernel does not run it. */
export function detectGone(observation: Observation): Finding | null {
  const { trace, threadRows, normal } = observation;
  const endNs = trace.window.endNs;
  const normalOffNs = (normal?.set.normal.offCall ?? 0) * 1e9;
  const gone: { thread: number; row: number; silentNs: number; ratio: number }[] = [];
  for (const [thread, rows] of threadRows.entries()) {
    const row = rows.at(-1);
    if (row === undefined || rows.length < MINIMUM_CALLS || trace.durationNs[row] === OPEN) continue;
    if (LAST_CALLS.has(trace.callNames[trace.call[row] as number] as string)) continue;
    const returned = (trace.enterNs[row] as number) + (trace.durationNs[row] as number);
    const silentNs = endNs - returned;
    let longest = 0;
    for (let i = 1; i < rows.length; i++) {
      const before = rows[i - 1] as number;
      const off =
        (trace.enterNs[rows[i] as number] as number) -
        (trace.enterNs[before] as number) -
        (trace.durationNs[before] as number);
      if (off > longest) longest = off;
    }
    const ratio = silentNs / Math.max(longest, normalOffNs, MINIMUM_SILENCE_NS / SILENCE_RATIO);
    if (ratio >= SILENCE_RATIO) gone.push({ thread, row, silentNs, ratio });
  }
  if (gone.length === 0) return null;
  gone.sort((a, b) => b.silentNs - a.silentNs || a.thread - b.thread);
  const first = gone[0] as (typeof gone)[number];
  const onCpu = switchedWhileRunnable(observation, first.thread, endNs - first.silentNs);
  return {
    kind: 'gone',
    onsetNs: endNs - first.silentNs,
    abnormality: gone.reduce((most, { ratio }) => Math.max(most, ratio), 0),
    extent: gone.length / threadRows.length,
    calls: evidenceCalls(
      gone.flatMap(({ thread, row }) => leadingCalls(threadRows[thread] as Uint32Array, row)),
    ),
    threads: gone.map(({ thread }) => thread),
    onCpu,
    description:
      `a thread made no system call for ${seconds(first.silentNs)} after ` +
      `${observation.column.symbols[observation.column.ids[first.row] as number]}${usualNext(observation, first.row)} ` +
      `and waits in none${onCpu === null ? '' : onCpu ? ': it burns CPU' : ': it was not run'}`,
  };
}

/** The call that most often follows, in words; empty where no profile tells. */
function usualNext({ normal }: Observation, row: number): string {
  if (normal === null) return '';
  const state = normal.attribution.states[row] as number;
  let next = '';
  let most = 0;
  for (const [from, to, count] of normal.set.transitions) {
    if (from !== state || count <= most) continue;
    most = count;
    next = normal.set.symbols[normal.model.symbolOf[to] as number] as string;
  }
  return next === '' ? '' : `, which ${next} normally follows,`;
}

/** Whether the thread left the CPU only against its will since `fromNs`; null where the trace has no switches of it. */
function switchedWhileRunnable({ trace }: Observation, thread: number, fromNs: number): boolean | null {
  const switches = trace.switches;
  if (switches === null) return null;
  let runnable = 0;
  let total = 0;
  for (let i = 0; i < switches.timeNs.length; i++) {
    if ((switches.timeNs[i] as number) < fromNs || switches.previous[i] !== thread) continue;
    total++;
    runnable += switches.runnable[i] as number;
  }
  return total === 0 ? null : runnable * 2 >= total;
}

/** The last call with full weight, and the ones that led there with ever less. */
function leadingCalls(rows: Uint32Array, last: number): { row: number; weight: number }[] {
  const at = rows.indexOf(last);
  const calls: { row: number; weight: number }[] = [];
  for (let back = 0; back <= LEAD_CALLS && at - back >= 0; back++) {
    calls.push({ row: rows[at - back] as number, weight: back === 0 ? 1 : 0.1 / 2 ** back });
  }
  return calls;
}

export function seconds(ns: number): string {
  if (ns >= 1e9) return `${(ns / 1e9).toFixed(1)} s`;
  if (ns >= 1e6) return `${(ns / 1e6).toFixed(ns >= 1e7 ? 0 : 1)} ms`;
  return `${(ns / 1e3).toFixed(0)} µs`;
}

import { OPEN } from '../trace/trace.ts';
import { evidenceCalls, type GoneFinding } from './finding.ts';
import { LAST_CALLS, leadingCalls, MINIMUM_CALLS } from './last-calls.ts';
import type { Observation } from './observation.ts';

/** A thread is gone when it makes no call for this many times its longest normal time between calls … */
const SILENCE_RATIO = 5;
/** … and at least this long. */
const MINIMUM_SILENCE_NS = 1e9;

/** A thread that makes no calls any more although it waits in none: it burns CPU, or the kernel does not run it. */
export function detectGone(observation: Observation): GoneFinding | null {
  const { trace, threadRows } = observation.calls;
  const endNs = trace.window.endNs;
  const normalOffNs = observation.knowledge?.normal.longestOffCallNs ?? 0;
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
  return {
    kind: 'gone',
    onsetNs: endNs - first.silentNs,
    abnormality: gone.reduce((most, { ratio }) => Math.max(most, ratio), 0),
    calls: evidenceCalls(
      gone.flatMap(({ thread, row }) => leadingCalls(threadRows[thread] as Uint32Array, row)),
    ),
    threads: gone.map(({ thread }) => thread),
    row: first.row,
    silentNs: first.silentNs,
    usualNext: usualNext(observation, first.row),
    onCpu: switchedWhileRunnable(observation, first.thread, endNs - first.silentNs),
  };
}

/** The symbol that most often follows in normal runs; null where no profile tells. */
function usualNext({ knowledge }: Observation, row: number): string | null {
  if (knowledge === null) return null;
  const { attribution, normal } = knowledge;
  let next: string | null = null;
  let most = 0;
  for (const { to, count } of normal.stepsFrom(attribution.states[row] as number)) {
    if (count <= most) continue;
    most = count;
    next = normal.symbols[normal.states.symbol[to] as number] as string;
  }
  return next;
}

/** Whether the thread left the CPU only against its will since `fromNs`; null where the trace has no switches of it. */
function switchedWhileRunnable(
  { calls: { trace } }: Observation,
  thread: number,
  fromNs: number,
): boolean | null {
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

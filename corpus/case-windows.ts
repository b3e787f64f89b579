import { cropTrace } from '../trace/crop-trace.ts';
import type { Trace } from '../trace/trace.ts';

/** The three windows in which a case is looked at: an alarm may come while the onset is still in sight, or long after. */
export type WindowName = 'onset-inside' | 'onset-before' | 'onset-last';

export interface CaseWindow {
  readonly name: WindowName;
  /** Seconds of the trace's own clock. */
  readonly fromSeconds: number;
  readonly toSeconds: number;
}

/** How long after the onset the window begins that does not show it. */
const AFTER_ONSET_SECONDS = 0.5;
/** How much of the anomaly the window holds at whose end the onset lies. */
const LAST_SECONDS = 5;

/** Windows of a case by its recording and onset. */
export function caseWindows(recording: { start: number; end: number }, anomalyStart: number): CaseWindow[] {
  return [
    { name: 'onset-inside', fromSeconds: recording.start, toSeconds: recording.end },
    {
      name: 'onset-before',
      fromSeconds: Math.min(anomalyStart + AFTER_ONSET_SECONDS, recording.end),
      toSeconds: recording.end,
    },
    {
      name: 'onset-last',
      fromSeconds: recording.start,
      toSeconds: Math.min(anomalyStart + LAST_SECONDS, recording.end),
    },
  ];
}

/** How many calls each of a case's windows holds: a server that has fallen silent leaves some of them empty. */
export function callsByWindow(
  trace: Trace,
  recording: { start: number; end: number },
  anomalyStart: number,
): Record<WindowName, number> {
  const ns = (seconds: number) => (seconds - trace.window.startSeconds) * 1e9;
  const counts = caseWindows(recording, anomalyStart).map(({ name, fromSeconds, toSeconds }) => [
    name,
    cropTrace(trace, ns(fromSeconds), ns(toSeconds)).length,
  ]);
  return Object.fromEntries(counts);
}

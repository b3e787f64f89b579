/** What the perf script reader passes over, and what to do about it. */
import { MAX_LINE_BYTES } from '../lines.ts';
import type { SkipKind } from '../skip-table.ts';
import { PERF_SCRIPT_COMMAND } from './recording-commands.ts';

export const OTHER_EVENTS: SkipKind = {
  reason: 'events that are no system calls',
  severity: 'info',
  remedy: '',
};
export const SOURCE_LINES: SkipKind = {
  reason: 'lines of source code in call chains (perf script -F srcline)',
  severity: 'info',
  remedy: '',
};
export const LOST_CHUNKS: SkipKind = {
  reason: 'blocks of events that perf lost (each of unknown size)',
  severity: 'loss',
  remedy: 'Record with a larger buffer: perf record -m 64M.',
};
export const LOST_EVENTS: SkipKind = {
  reason: 'events that perf lost',
  severity: 'loss',
  remedy: 'Record with a larger buffer: perf record -m 64M.',
};
export const THREADS_ONLY: SkipKind = {
  reason: 'lines without a process id: each thread counts as a process of its own',
  severity: 'notice',
  remedy: `Print them with ${PERF_SCRIPT_COMMAND}.`,
};
export const CLOCK_BACK: SkipKind = {
  reason: 'lines whose time lies before that of the line above: sorted by time',
  severity: 'notice',
  remedy: 'Record with a monotonic clock: perf record -k CLOCK_MONOTONIC.',
};
export const NOT_UNDERSTOOD: SkipKind = {
  reason: 'lines that are not perf script text',
  severity: 'error',
  remedy: `Print the recording again with ${PERF_SCRIPT_COMMAND}, and keep its errors out of the file.`,
};
export const TOO_LONG: SkipKind = {
  reason: `lines of more than ${MAX_LINE_BYTES} bytes`,
  severity: 'error',
  remedy: `Print the recording again with ${PERF_SCRIPT_COMMAND}.`,
};
export const CUT_LINE: SkipKind = {
  reason: 'last line without an end: the text was cut there',
  severity: 'loss',
  remedy: 'Copy the file again after perf script has ended.',
};

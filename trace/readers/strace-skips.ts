/** What the strace reader passes over, and what to do about it. */
import { MAX_LINE_BYTES } from '../lines.ts';
import type { SkipKind } from '../skip-table.ts';
import { STRACE_COMMAND } from './recording-commands.ts';

export const SIGNALS: SkipKind = { reason: 'signals', severity: 'info', remedy: '' };
export const ENDS: SkipKind = { reason: 'ends of threads', severity: 'info', remedy: '' };
export const REMARKS: SkipKind = { reason: "strace's own remarks", severity: 'info', remedy: '' };
export const NO_DURATION: SkipKind = {
  reason: 'calls without a duration: kept, with duration 0',
  severity: 'notice',
  remedy: `Record with -T: ${STRACE_COMMAND}.`,
};
export const DAY_CLOCK: SkipKind = {
  reason: 'lines with a time of day but no date',
  severity: 'notice',
  remedy: `Record with -ttt: ${STRACE_COMMAND}.`,
};
export const CLOCK_BACK: SkipKind = {
  reason: 'lines whose time lies before that of the line above: the clock was set, or the file is sorted',
  severity: 'notice',
  remedy: 'Keep the order in which strace wrote the lines.',
};
export const UNKNOWN_ERRNO: SkipKind = {
  reason: 'error names that no table knows: the result is -1',
  severity: 'notice',
  remedy: '',
};
export const UNNAMED_CALL: SkipKind = {
  reason: 'calls whose name strace could not tell (???)',
  severity: 'info',
  remedy: '',
};
export const NOT_UNDERSTOOD: SkipKind = {
  reason: 'lines that are not strace output',
  severity: 'error',
  remedy: `Record into a file of its own, so that nothing else is printed between: ${STRACE_COMMAND}.`,
};
export const TOO_LONG: SkipKind = {
  reason: `lines of more than ${MAX_LINE_BYTES} bytes`,
  severity: 'error',
  remedy: `Record without -v and with short strings: ${STRACE_COMMAND}.`,
};
export const CUT_LINE: SkipKind = {
  reason: 'last line without an end: the text was cut there',
  severity: 'loss',
  remedy: 'Copy the file again after strace has ended.',
};

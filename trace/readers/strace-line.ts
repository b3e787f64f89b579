/**
 * One line of `strace -f -ttt -T`, in the form of -o FILE (`N time call`) or of standard error
 * (`[pid N] time call`, or no id at all while there is one process). Source: strace's printleader() and
 * syscall_exiting_trace() in src/strace.c and src/syscall.c; the traps are those of perfetto#7224.
 */
export type StraceLine =
  /** A call with its return, or `returned: null` where it began and the line ends `<unfinished ...>`. */
  | (StraceStamp & {
      readonly kind: 'call';
      readonly name: string;
      readonly args: string;
      readonly returned: StraceReturn | null;
    })
  | (StraceStamp & {
      readonly kind: 'resumed';
      readonly name: string;
      readonly args: string;
      readonly returned: StraceReturn | null;
    })
  | (StraceStamp & { readonly kind: 'signal' })
  | (StraceStamp & { readonly kind: 'ended' })
  /** strace's own `strace: Process N attached`. */
  | { readonly kind: 'attached'; readonly tid: number }
  /** strace's own words, and the frames of -k. */
  | { readonly kind: 'remark' };

export interface StraceStamp {
  /** 0 where the line names no process. */
  readonly tid: number;
  readonly clock: StraceClock;
  /** Whole seconds and the rest in nanoseconds: a double cannot hold both for today's date. */
  readonly seconds: number;
  readonly fractionNs: number;
}

/** epoch: -ttt; day: -t, -tt; relative: -r, seconds since the line before. */
type StraceClock = 'epoch' | 'day' | 'relative';

export interface StraceReturn {
  /** As printed: `0`, `-1`, `0x7f…`, `?`. */
  readonly value: string;
  /** `EAGAIN` and the like; empty where the call succeeded. */
  readonly errno: string;
  /** From -T, or null. */
  readonly durationNs: number | null;
}

const LEAD =
  /^\s*(?:\[pid\s+(\d+)\]\s+)?(?:(\d+)\s+)?(?:(\d\d):(\d\d):(\d\d)|(\d+))(?:\.(\d{1,9}))?(?: \(\+\s+\d+\.\d+\))?\s+/;
const OWN_WORDS = /^\s*(?:\[pid\s+\d+\]\s+|\d+\s+)?strace: /;
const OWN_EVENT = /^strace: Process \d+ (?:attached|detached)(?: with \d+ threads)?$/;
const ATTACHED = /strace: Process (\d+) attached/;
const CALL = /^([a-z_][\w]*|\?\?\?)\(/i;
const RESUMED = /^<\.\.\. ([a-z_][\w]*|\?\?\?) resumed>/i;
const DURATION = /^ <(\d+)\.(\d{1,9})>$/;
/** ` <unfinished ...>`, ` <detached ...>`, ` <pid changed to N ...>`: the call goes on without this line. */
const OPEN_END = /<(?:unfinished|detached|pid changed to \d+) \.\.\.>$/;
const RETURN = /^(\?|0x[0-9a-f]+|-?\d+)(?: (E[A-Z0-9_]+))?/;
const SECONDS_OF_YEAR_1973 = 100_000_000;

/**
 * strace's own words end a line that it had begun, on standard error: `vfork(strace: Process 7 attached`. Returns
 * the line's beginning, which the next line goes on with, its thread, and the words; null for any other line.
 */
export function splitInterrupted(line: string): { begun: string; tid: number; words: string } | null {
  const at = line.lastIndexOf('strace: Process ');
  if (at < 0 || !OWN_EVENT.test(line.slice(at))) return null;
  const begun = line.slice(0, at);
  const lead = LEAD.exec(begun);
  return lead === null ? null : { begun, tid: Number(lead[1] ?? lead[2] ?? 0), words: line.slice(at) };
}

/** Whether a line begins with a time, and so is no continuation. */
export function hasTime(line: string): boolean {
  return LEAD.test(line);
}

/** Parses a line, or returns null where it is no strace output. */
export function parseStraceLine(line: string): StraceLine | null {
  const lead = LEAD.exec(line);
  if (lead === null) return parseRemark(line);
  const [all, bracketed, bare, hours, minutes, wholeSeconds, plainSeconds, fraction] = lead;
  const ofDay = hours !== undefined;
  const seconds = ofDay
    ? Number(hours) * 3600 + Number(minutes) * 60 + Number(wholeSeconds)
    : Number(plainSeconds);
  const tid = Number(bracketed ?? bare ?? 0);
  const clock = ofDay ? 'day' : seconds >= SECONDS_OF_YEAR_1973 ? 'epoch' : 'relative';
  const fractionNs = fraction === undefined ? 0 : nanoseconds(fraction);
  const rest = line.slice(all.length);
  if (rest.startsWith('+++ ')) return { kind: 'ended', tid, clock, seconds, fractionNs };
  if (rest.startsWith('--- ')) return { kind: 'signal', tid, clock, seconds, fractionNs };

  const resumed = rest.startsWith('<') ? RESUMED.exec(rest) : null;
  const call = resumed ?? CALL.exec(rest);
  const name = call?.[1];
  if (call === null || name === undefined) return null;
  const kind = resumed === null ? 'call' : 'resumed';
  const body = rest.slice(call[0].length);
  if (body.endsWith(' ...>') && OPEN_END.test(body)) {
    return { kind, name, args: body, returned: null, tid, clock, seconds, fractionNs };
  }

  const durationAt = body.endsWith('>') ? body.lastIndexOf(' <') : -1;
  const duration = durationAt < 0 ? null : DURATION.exec(body.slice(durationAt));
  // The last `) =`: arguments print `=` themselves, as in wait4's `[{WIFEXITED(s) && WEXITSTATUS(s) == 0}]`.
  const split = lastReturnMark(duration === null ? body : body.slice(0, durationAt));
  if (split === null) return null;
  const value = RETURN.exec(split.value);
  if (value === null) return null;
  const returned: StraceReturn = {
    value: value[1] ?? '?',
    errno: value[2] ?? '',
    durationNs: duration === null ? null : Number(duration[1]) * 1e9 + nanoseconds(duration[2] ?? ''),
  };
  return { kind, name, args: body.slice(0, split.argsEnd), returned, tid, clock, seconds, fractionNs };
}

/** strace's own words, and the frames of -k, have no time. */
function parseRemark(line: string): StraceLine | null {
  if (line.startsWith(' > ')) return { kind: 'remark' };
  if (!OWN_WORDS.test(line)) return null;
  const tid = ATTACHED.exec(line)?.[1];
  return tid === undefined ? { kind: 'remark' } : { kind: 'attached', tid: Number(tid) };
}

/** Splits at the last `)` that only blanks part from ` = `. */
function lastReturnMark(body: string): { argsEnd: number; value: string } | null {
  for (let equals = body.lastIndexOf(' = '); equals >= 0; equals = body.lastIndexOf(' = ', equals - 1)) {
    let at = equals;
    while (at > 0 && body[at] === ' ') at--;
    if (body[at] === ')') return { argsEnd: at, value: body.slice(equals + 3) };
    if (equals === 0) break;
  }
  return null;
}

/** Digits behind the point as nanoseconds. */
function nanoseconds(fraction: string): number {
  const digits = Number(fraction);
  return fraction.length === 6 ? digits * 1000 : Math.round(digits * 10 ** (9 - fraction.length));
}

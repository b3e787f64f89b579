import {
  type Frame,
  NO_CPU,
  NO_FD,
  NO_RESULT,
  NO_STACK,
  OPEN,
  type StackTable,
  type Switches,
  type Thread,
  type Trace,
} from '../../trace/trace.ts';

/** One system call of a trace written by hand; times in nanoseconds from the window's start. */
export interface ScriptedCall {
  readonly thread?: number;
  readonly call: string;
  readonly at: number;
  /** Default 1,000; OPEN for a call that does not return. */
  readonly duration?: number;
  /** Default 1; an open call has none. */
  readonly result?: number;
  readonly fd?: number;
  /** User functions, outermost first, all of the program itself; default none. */
  readonly stack?: readonly string[];
}

export interface ScriptedWindow {
  /** Default: threads of one process, named `server`, as many as the calls name. */
  readonly threads?: readonly Thread[];
  /** Default: when the last call returned (or was entered, where it is open). */
  readonly endNs?: number;
  readonly switches?: Switches;
}

export const PROGRAM = '/usr/sbin/server';

/** A trace as a reader would fill it, from calls in any order. */
export function scriptedTrace(calls: readonly ScriptedCall[], window: ScriptedWindow = {}): Trace {
  const sorted = calls.toSorted((a, b) => a.at - b.at);
  const names = [...new Set(sorted.map(({ call }) => call))];
  const numbers = new Map(names.map((name, number) => [name, number]));
  const durationOf = ({ duration }: ScriptedCall) => duration ?? 1_000;
  const threadCount = sorted.reduce((most, { thread }) => Math.max(most, (thread ?? 0) + 1), 1);
  const lastNs = sorted.reduce((last, call) => {
    const duration = durationOf(call);
    return Math.max(last, call.at + (duration === OPEN ? 0 : duration));
  }, 0);
  const stacks = sorted.some(({ stack }) => stack !== undefined) ? stackTrie() : null;
  return {
    format: 'perf-script',
    architecture: 'x86_64',
    length: sorted.length,
    enterNs: Float64Array.from(sorted, ({ at }) => at),
    durationNs: Float64Array.from(sorted, durationOf),
    thread: Uint32Array.from(sorted, ({ thread }) => thread ?? 0),
    cpu: new Uint16Array(sorted.length).fill(NO_CPU),
    call: Uint16Array.from(sorted, ({ call }) => numbers.get(call) as number),
    result: Int32Array.from(sorted, (call) => (durationOf(call) === OPEN ? NO_RESULT : (call.result ?? 1))),
    fd: Int32Array.from(sorted, ({ fd }) => fd ?? NO_FD),
    callNames: names,
    threads:
      window.threads ??
      Array.from({ length: threadCount }, (_, i) => ({ pid: 100, tid: 100 + i, comm: 'server' })),
    switches: window.switches ?? null,
    stack:
      stacks === null
        ? null
        : Int32Array.from(sorted, ({ stack }) =>
            stack === undefined ? NO_STACK : stacks.node(['_start', ...stack]),
          ),
    stacks: stacks?.table() ?? null,
    losses: [],
    skips: [],
    window: { startSeconds: 1_000, endNs: window.endNs ?? lastNs, coveredFromNs: 0 },
  };
}

/** Any stacks, not only the program's own: frames outermost first. */
export function stackTrie(): {
  node(path: readonly (string | Frame)[]): number;
  table(): StackTable;
} {
  const frames: Frame[] = [];
  const frameNumbers = new Map<string, number>();
  const parent: number[] = [];
  const frame: number[] = [];
  const nodes = new Map<string, number>();
  return {
    node(path) {
      let at = NO_STACK;
      for (const step of path) {
        const { name, object } = typeof step === 'string' ? { name: step, object: PROGRAM } : step;
        let number = frameNumbers.get(`${object}\0${name}`);
        if (number === undefined) {
          number = frames.push({ name, object }) - 1;
          frameNumbers.set(`${object}\0${name}`, number);
        }
        let next = nodes.get(`${at} ${number}`);
        if (next === undefined) {
          next = parent.push(at) - 1;
          frame.push(number);
          nodes.set(`${at} ${number}`, next);
        }
        at = next;
      }
      return at;
    },
    table: () => ({ parent: Int32Array.from(parent), frame: Int32Array.from(frame), frames }),
  };
}

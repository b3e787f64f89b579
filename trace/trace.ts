import type { Recording } from './recording.ts';

/**
 * The columnar trace: every reader fills one, every later stage reads only this.
 *
 * One row is one system call, completed or still open, sorted by enter time (ties keep the source's order).
 * Times are nanoseconds from the window's start as float64, exact to 2^53 (104 days).
 * A trace never holds buffers, strings, paths or addresses (docs/formats.md).
 */

/** Duration of a call that had not returned when the window ended. */
export const OPEN = Number.POSITIVE_INFINITY;

/** Value of `fd` where the call takes no descriptor or the source does not tell. */
export const NO_FD = -1;

/** Value of `cpu` where the source does not tell (strace). */
export const NO_CPU = 0xffff;

/** Value of `result` for a call that is still open or whose return the source lost. */
export const NO_RESULT = -0x8000_0000;

/** Value of `stack` where a call has no user stack. */
export const NO_STACK = -1;

export type Architecture = 'x86_64' | 'arm64';

export type TraceFormat = 'trace.dat' | 'perf-script' | 'strace';

export interface Thread {
  /** Process id (thread group id); equals `tid` where the source names only threads. */
  readonly pid: number;
  readonly tid: number;
  /** Thread name as last seen; empty where the source has none (strace). */
  readonly comm: string;
}

/**
 * The columns of calls, and the array that each lies in. What makes, grows, sorts, crops or hands on a trace goes over
 * this table (columns.ts), so that none of them can forget a column.
 */
export const callColumns = {
  enterNs: Float64Array,
  /** Nanoseconds in the call; OPEN while it had not returned at the window's end. */
  durationNs: Float64Array,
  /** Index into `threads`. */
  thread: Uint32Array,
  cpu: Uint16Array,
  /** Index into `callNames`. Interned per trace, so that architectures and sources compare by name. */
  call: Uint16Array,
  /** -errno, zero, or a positive result clamped to int32; NO_RESULT where unknown. */
  result: Int32Array,
  fd: Int32Array,
  /** Node of `stacks`; the column is null where the source has no stacks (or they were not asked for). */
  stack: Int32Array,
} as const;

/** The columns of context switches. */
export const switchColumns = {
  timeNs: Float64Array,
  cpu: Uint16Array,
  /** Index into `Trace.threads` of the thread that left the CPU, or -1 where it is not of this trace. */
  previous: Int32Array,
  /** Index into `Trace.threads` of the thread that got the CPU, or -1 where it is not of this trace. */
  next: Int32Array,
  /** 1 where the previous thread was still runnable (preempted), 0 where it went to sleep. */
  runnable: Uint8Array,
} as const;

/** The columns of the nodes of stacks. */
export const stackColumns = {
  parent: Int32Array,
  frame: Int32Array,
} as const;

/** One row a call; the columns have equal length. */
export type Calls = {
  readonly [Name in keyof typeof callColumns]:
    | InstanceType<(typeof callColumns)[Name]>
    | (Name extends 'stack' ? null : never);
};

/** Context switches, sorted by time; the columns have equal length. */
export type Switches = {
  readonly [Name in keyof typeof switchColumns]: InstanceType<(typeof switchColumns)[Name]>;
};

/** Events that the recorder could not keep. */
export interface Loss {
  /** CPU, or -1 where the source does not tell. */
  readonly cpu: number;
  /** When, nanoseconds from the window's start, or null where the source does not tell. */
  readonly timeNs: number | null;
  readonly events: number;
}

/**
 * How bad a skipped row is (after Perfetto's stats table): `info` is normal for the format, `notice` is worth
 * knowing, `loss` means that calls are missing, `error` means that input was not understood.
 */
export type SkipSeverity = 'info' | 'notice' | 'loss' | 'error';

/** One row of the table of everything that a reader did not turn into a call. */
export interface Skip {
  readonly reason: string;
  readonly severity: SkipSeverity;
  readonly count: number;
  /** What the user can do about it, as a sentence; empty for `info`. */
  readonly remedy: string;
  /** 1-based number of the first line (or byte offset for binary formats), where it applies. */
  readonly firstAt: number | null;
}

/** A user-space stack frame's function. */
export interface Frame {
  /** Function name as in the profile, tier marks and offsets removed by nobody: raw. */
  readonly name: string;
  /** Binary, module or map file as in the profile. */
  readonly object: string;
}

/**
 * Call stacks as a trie: node i stands for the stack that ends (innermost) in `frame[i]`, called from node
 * `parent[i]` (-1 at the outermost frame). `Trace.stack` holds node numbers. Kernel frames are never kept.
 */
export type StackTable = {
  readonly [Name in keyof typeof stackColumns]: InstanceType<(typeof stackColumns)[Name]>;
} & { readonly frames: readonly Frame[] };

interface TraceWindow {
  /** Start in the trace's own clock, seconds. `Trace.enterNs` counts from here. */
  readonly startSeconds: number;
  /** End of the window, nanoseconds from its start (the recorder's own end where it is known, else the last event's time,
   * whatever its kind). */
  readonly endNs: number;
  /** From where on all CPUs are covered, nanoseconds from the window's start. */
  readonly coveredFromNs: number;
}

export interface Trace extends Calls {
  readonly format: TraceFormat;
  readonly architecture: Architecture;
  /** Number of calls: the length of each column. */
  readonly length: number;
  /** System call names without prefix: `read`, `epoll_wait`; `syscall_N` for a number that no table knows. */
  readonly callNames: readonly string[];
  readonly threads: readonly Thread[];
  readonly switches: Switches | null;
  readonly stacks: StackTable | null;
  readonly losses: readonly Loss[];
  readonly skips: readonly Skip[];
  readonly window: TraceWindow;
  /** Who recorded this, where and by which clock, where the source tells (trace.dat of the shipper). */
  readonly recording?: Recording | null;
}

export interface ReadOptions {
  /** Name for messages only, never for telling formats apart. */
  readonly name?: string;
  /** Keep user stacks (mining needs them). Default false. */
  readonly stacks?: boolean;
  /** Architecture of a perf script whose text does not name it. Default x86_64. */
  readonly architecture?: Architecture;
  /** Called now and then with the compressed bytes read so far. */
  readonly onProgress?: (bytesRead: number) => void;
}

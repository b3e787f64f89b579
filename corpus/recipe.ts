/**
 * What a server's recipe says: how it is built, started and loaded, which bugs stand behind its switch, and which
 * windows without a bug of its own are recorded beside them (docs/corpus.md). A recipe is plain data and a few
 * functions; everything that records lives outside of it.
 */

/** Kinds of mutation; each models what real reports tell of (docs/corpus.md has one example a kind). */
export const BUG_KINDS = [
  'result-retried', // EAGAIN, EINTR, EPIPE or 0 mishandled, so that the caller retries for ever
  'interest-kept', // a descriptor not removed from epoll, poll or select
  'wrong-state', // a state machine returns the wrong state or takes the wrong branch
  'connection-kept', // a connection never closed
  'not-flushed', // a response finished and never flushed, or long after
  'timeout-ignored',
  'backoff-missing',
  'backoff-too-long',
  'lock-over-slow-call',
  'byte-at-a-time',
  'work-per-request', // fsync, stat, open or read again on every request
  'quadratic-loop', // on the CPU
  'descriptor-leak', // up to EMFILE
  'cache-off',
  'retry-storm', // to a dead backend
  'timer-wakeups', // every millisecond
  'scan-with-calls', // of all connections or descriptors, a call each
  'timer-leak',
  'queue-not-drained',
  'thread-exits', // a thread, worker or child
  'slow-call-in-loop', // in an event loop, or on a thread that others need
  'waits-for-nothing', // waits for what will not come
] as const;

export type BugKind = (typeof BUG_KINDS)[number];

export type Verdict = 'hang' | 'slowdown' | 'spin' | 'normal' | 'outside' | 'unknown';

/** A mutation behind the switch. */
export interface Bug {
  /** What the word in the switch file is set to; unique within the server, from 1 up. */
  readonly k: number;
  /** Unique within the server; lower case with hyphens; the name of the case's folder. */
  readonly id: string;
  readonly kind: BugKind;
  /** Source file of the mutation, relative to the source's root. */
  readonly file: string;
  /** The mutated function(s), as the profile spells them. */
  readonly primary: readonly string[];
  /** Direct callers and callees on that path, by hand; what the stacked run shows is added. */
  readonly related: readonly string[];
  /**
   * False where the mutated function has no call of the anomaly on or under it: it left something out, only its
   * neighbours' calls change. True is checked against the stacked run.
   */
  readonly primaryMakesCalls: boolean;
  /** One sentence: what goes wrong. */
  readonly summary: string;
  /** Verdicts that count as right. */
  readonly kinds: readonly Verdict[];
  /** Load while this bug is recorded, where the production load would not trigger it. */
  readonly load?: LoadCommand;
}

/**
 * What the load program is told, one JSON object a line on its standard input; what a line leaves out stays as it is.
 * `{}` changes nothing. A program that cannot do what a line says ends with an error: nothing is ignored in silence.
 */
export interface LoadCommand {
  /** Name of a mix of kinds of request; the server's own names. */
  readonly mix?: string;
  /** Factor on all rates; 0 is idle (connections that stand may stay open). */
  readonly scale?: number;
  /** How the services behind the server behave. `lost`: accepts nothing any more. `failing`: answers with errors. */
  readonly upstream?: 'normal' | 'slow' | 'silent' | 'lost' | 'failing';
  /** `stalled`: clients stop reading and writing midway and keep their connections open. */
  readonly clients?: 'normal' | 'stalled';
}

/** Something that the driver does at a point of a recording. */
export type Action =
  | ({ readonly do: 'load' } & LoadCommand)
  /** Share of one CPU that the server may use; null is the server's own limit (`cpuLimit`). */
  | { readonly do: 'cpu-quota'; readonly share: number | null }
  /** A neighbour that burns CPU inside the server's own quota. */
  | { readonly do: 'neighbour'; readonly running: boolean }
  /** Of the server's own disk (`Place.diskFolder`). `slow`: each half second writes stand still for 0.4 s. `stuck`: nothing is written. */
  | { readonly do: 'disk'; readonly state: 'normal' | 'slow' | 'stuck' | 'full' }
  | { readonly do: 'signal'; readonly signal: NodeJS.Signals }
  | { readonly do: 'restart' }
  /** Stops the server's processes (SIGSTOP) or lets them go on. */
  | { readonly do: 'freeze'; readonly frozen: boolean }
  /** An action of the server's own, by its name in `ServerRecipe.actions`. */
  | { readonly do: 'own'; readonly name: string };

export interface Step {
  /** Seconds after the recording began. */
  readonly at: number;
  readonly action: Action;
}

/** A window in which the cause lies outside the service: the fault is there from `faultAt` on. */
export interface Blameless {
  readonly id: string;
  /** What is wrong, in a few words: `upstream-slow`, `disk-full`, `cpu-quota`, `clients-stalled`, `restart` … */
  readonly fault: string;
  readonly summary: string;
  /** Verdicts that count as right; `outside` is the best one. */
  readonly kinds: readonly Verdict[];
  readonly seconds: number;
  readonly faultAt: number;
  readonly steps: readonly Step[];
}

/** A window in which nothing is wrong. */
export interface HealthyWindow {
  readonly id: string;
  readonly summary: string;
  readonly seconds: number;
  /** Load from the start on; default is the production load. */
  readonly load?: LoadCommand;
  readonly steps: readonly Step[];
  /** True: recording begins before the server starts. */
  readonly fromStart?: boolean;
  readonly seed: number;
}

/** Where one run of a server lives. */
export interface Place {
  /** Where `build` has put the server. */
  readonly buildFolder: string;
  /** Empty folder of this run: configuration, logs, documents. */
  readonly runFolder: string;
  /** On a small file system of its own where the steps need one (`disk` actions), else a folder in `runFolder`. */
  readonly diskFolder: string;
  /** Consecutive free ports on 127.0.0.1. ports[0] is the server's; the others are the recipe's to give away. */
  readonly ports: readonly number[];
  /** A file of 4096 bytes whose first four (little endian) are the switch; mapped by the server, 0 is original. */
  readonly switchFile: string;
  /** Of the load. */
  readonly seed: number;
}

/** A command as the driver starts it: the server inside its cgroup, the load outside. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** Added to PATH, HOME and LANG; the server also gets PERFSCOPE_SWITCH, the path of `Place.switchFile`. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** RLIMIT_NOFILE (soft and hard). */
  readonly openFiles?: number;
}

export interface Running {
  readonly place: Place;
  /** The process that was started. */
  readonly pid: number;
}

export interface StackOptions {
  /** Of `perf record --call-graph`: `dwarf,16384`, or `fp` where every frame has a pointer. */
  readonly callGraph: string;
  /** Objects (ends of dso paths, or `[JIT]`/`perf-PID.map` as `.map`) whose functions are the service's own. */
  readonly ownObjects: readonly string[];
  /** More filter of names within own objects, where one object holds runtime and service (Go, Node.js, Java). */
  readonly isOwn?: (functionName: string) => boolean;
  /** Right after a stacked recording, while the server still runs: e.g. has the JVM write its perf map. */
  readonly afterRecording?: (running: Running) => Promise<void>;
}

export interface ServerRecipe {
  /** Folder name under corpus/servers and in the output; first part of every case's id. */
  readonly name: string;
  /** What it is, in a few words, for case.json. */
  readonly system: string;
  readonly language: 'C' | 'C++' | 'Go' | 'Node.js' | 'Java' | 'Rust' | 'Python';
  /** What `build` makes the server from: a version of a source package. */
  readonly version: string;
  /** Compiler and flags, for case.json. */
  readonly buildNotes: string;
  /** Sites of the mutations: patches or edits, relative to the recipe's folder; hashed into made.json. */
  readonly patches: readonly string[];
  /** Fetches, patches and builds into `buildFolder` (empty at the start). Called once; a whole build is kept. */
  readonly build: (buildFolder: string) => Promise<void>;
  /** Names of the functions in what was built, to check primaries against; left out where they cannot be listed. */
  readonly symbols?: (buildFolder: string) => Promise<ReadonlySet<string>>;
  /** Writes configuration and documents; called before each start, and before the load starts. */
  readonly prepare: (place: Place) => Promise<void>;
  readonly server: (place: Place) => Command;
  /** Resolves when the server serves; default is until ports[0] accepts a TCP connection. */
  readonly ready?: (running: Running) => Promise<void>;
  /** How many ports a run needs. */
  readonly portCount: number;
  /** Share of one CPU that every run of this server may use, healthy ones too. Default 0.5. */
  readonly cpuLimit?: number;
  /** System calls a second that a flood is held to with a quota. Default 4000. */
  readonly callsPerSecondLimit?: number;
  /**
   * The load: upstreams and clients in one program, on 127.0.0.1 only. Prints `ready` on standard output when its
   * upstreams listen (it starts before the server), begins with LoadCommand lines on standard input, ends at the end of
   * its input, and appends one line a request to `clientLog` in the order of their ends:
   * `[start in seconds of CLOCK_MONOTONIC, kind, duration in seconds, ok, why not]`.
   */
  readonly load: (place: Place, clientLog: string) => Command;
  /** Kinds of request whose latency says nothing (clients that wait on purpose): only their failures count. */
  readonly latencyFree: readonly string[];
  /** Load of production runs, baseline and, unless they say otherwise, healthy windows. */
  readonly production: LoadCommand;
  /** Normal workloads that are profiled with stacks, by name; `production` belongs among them. */
  readonly profiles: Readonly<Record<string, LoadCommand>>;
  readonly stacks: StackOptions;
  readonly bugs: readonly Bug[];
  readonly blameless: readonly Blameless[];
  readonly healthy: readonly HealthyWindow[];
  /** The server's own actions: reload over an administration port, a backup … */
  readonly actions?: Readonly<Record<string, (running: Running) => Promise<void>>>;
  /** What a reader of the traces should know of load and limits. */
  readonly notes: string;
}

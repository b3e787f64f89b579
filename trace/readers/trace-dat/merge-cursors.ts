/** Rows of one CPU, by time; what else they hold is the caller's. */
export interface TimedChunk {
  readonly timeNs: Float64Array;
  readonly length: number;
}

export interface CpuChunks<Chunk extends TimedChunk> {
  readonly cpu: number;
  /** Emptied from the front as the merge goes. */
  readonly chunks: (Chunk | null)[];
}

/**
 * Walks the CPUs' rows in time order by runs: as long as one CPU's next row is the earliest, the caller goes on
 * within its chunk without asking. A machine has few CPUs, and runs are short where threads talk to each other: the
 * earliest is found by looking at all, in arrays that lie close together, which beats a heap there.
 */
export interface MergeCursors<Chunk extends TimedChunk> {
  readonly logs: readonly CpuChunks<Chunk>[];
  /** CPUs that still have rows, as indices into `logs`, in their order. */
  readonly live: number[];
  /** Per log: its current chunk, the next row in it, and that row's time. */
  readonly chunk: (Chunk | null)[];
  readonly chunkIndex: Int32Array;
  readonly position: Int32Array;
  readonly head: Float64Array;
  /** The run that `nextRun` found: which log, and up to which time it may go. */
  log: number;
  limit: number;
  /** Whether a row at exactly `limit` belongs to another CPU: ties go to the lower one. */
  yieldsTie: boolean;
}

export function mergeCursors<Chunk extends TimedChunk>(
  logs: readonly CpuChunks<Chunk>[],
): MergeCursors<Chunk> {
  const cursors: MergeCursors<Chunk> = {
    logs,
    live: [],
    chunk: new Array<Chunk | null>(logs.length).fill(null),
    chunkIndex: new Int32Array(logs.length).fill(-1),
    position: new Int32Array(logs.length),
    head: new Float64Array(logs.length),
    log: 0,
    limit: 0,
    yieldsTie: false,
  };
  for (let log = 0; log < logs.length; log++) if (nextChunk(cursors, log)) cursors.live.push(log);
  return cursors;
}

/** Finds the run that comes next; false at the end. */
export function nextRun(cursors: MergeCursors<TimedChunk>): boolean {
  const { live, head } = cursors;
  let first = -1;
  let second = -1;
  let firstNs = Number.POSITIVE_INFINITY;
  let secondNs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < live.length; i++) {
    const log = live[i]!;
    const time = head[log]!;
    if (first < 0 || time < firstNs) {
      second = first;
      secondNs = firstNs;
      first = log;
      firstNs = time;
    } else if (second < 0 || time < secondNs) {
      second = log;
      secondNs = time;
    }
  }
  if (first < 0) return false;
  cursors.log = first;
  cursors.limit = secondNs;
  cursors.yieldsTie = second >= 0 && second < first;
  return true;
}

/** The caller has taken every row of the run's chunk before `position`. */
export function advance(cursors: MergeCursors<TimedChunk>, position: number): void {
  const { log } = cursors;
  const chunk = cursors.chunk[log]!;
  if (position < chunk.length) {
    cursors.position[log] = position;
    cursors.head[log] = chunk.timeNs[position]!;
  } else if (!nextChunk(cursors, log)) {
    cursors.live.splice(cursors.live.indexOf(log), 1);
  }
}

/** A chunk that was taken is let go: the columns of the trace take its place in memory. */
function nextChunk(cursors: MergeCursors<TimedChunk>, log: number): boolean {
  const { chunks } = cursors.logs[log]!;
  let index = cursors.chunkIndex[log]!;
  if (index >= 0) chunks[index] = null;
  do index++;
  while (index < chunks.length && chunks[index]!.length === 0);
  cursors.chunkIndex[log] = index;
  const chunk = chunks[index] ?? null;
  cursors.chunk[log] = chunk;
  cursors.position[log] = 0;
  if (chunk === null) return false;
  cursors.head[log] = chunk.timeNs[0]!;
  return true;
}

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
 * Walks several logs in time order by runs: as long as one CPU's next event is the earliest, the caller may go on
 * within its chunk without asking. The CPUs wait in a binary heap.
 */
export class MergeCursors<Chunk extends TimedChunk> {
  chunk!: Chunk;
  cpu = 0;
  at = 0;
  /** Time up to which this run may go, and whether an event at exactly that time belongs to another CPU. */
  limit = 0;
  yieldsTie = false;

  readonly #logs: readonly CpuChunks<Chunk>[];
  readonly #chunkIndex: Int32Array;
  readonly #position: Int32Array;
  readonly #head: Float64Array;
  readonly #heap: Int32Array;
  #size = 0;

  constructor(logs: readonly CpuChunks<Chunk>[]) {
    this.#logs = logs;
    this.#chunkIndex = new Int32Array(logs.length);
    this.#position = new Int32Array(logs.length);
    this.#head = new Float64Array(logs.length);
    this.#heap = new Int32Array(logs.length);
    for (let i = 0; i < logs.length; i++) {
      if (this.#loadHead(i)) this.#heap[this.#size++] = i;
    }
    for (let i = (this.#size >> 1) - 1; i >= 0; i--) this.#sift(i);
  }

  /** Sets the run that comes next; false at the end. */
  next(): boolean {
    if (this.#size === 0) return false;
    const log = this.#heap[0]!;
    this.chunk = this.#logs[log]!.chunks[this.#chunkIndex[log]!]!;
    this.cpu = this.#logs[log]!.cpu;
    this.at = this.#position[log]!;
    const left = this.#size > 1 ? this.#heap[1]! : -1;
    const right = this.#size > 2 ? this.#heap[2]! : -1;
    const second = left >= 0 && right >= 0 ? (this.#before(right, left) ? right : left) : left;
    this.limit = second < 0 ? Number.POSITIVE_INFINITY : this.#head[second]!;
    this.yieldsTie = second >= 0 && second < log;
    return true;
  }

  /** The caller has taken everything before `at` of the current chunk. */
  advance(at: number): void {
    const log = this.#heap[0]!;
    this.#position[log] = at;
    if (at >= this.chunk.length) {
      // A chunk that was taken is let go: the columns of the trace take its place in memory.
      this.#logs[log]!.chunks[this.#chunkIndex[log]!] = null;
      this.#chunkIndex[log]!++;
      this.#position[log] = 0;
    }
    if (!this.#loadHead(log)) this.#heap[0] = this.#heap[--this.#size]!;
    this.#sift(0);
  }

  #loadHead(log: number): boolean {
    const chunks = this.#logs[log]!.chunks;
    while (this.#chunkIndex[log]! < chunks.length) {
      const chunk = chunks[this.#chunkIndex[log]!]!;
      if (chunk !== null && this.#position[log]! < chunk.length) {
        this.#head[log] = chunk.timeNs[this.#position[log]!]!;
        return true;
      }
      this.#chunkIndex[log]!++;
      this.#position[log] = 0;
    }
    return false;
  }

  #before(a: number, b: number): boolean {
    const difference = this.#head[a]! - this.#head[b]!;
    return difference < 0 || (difference === 0 && a < b);
  }

  #sift(from: number): void {
    let at = from;
    for (;;) {
      let least = at;
      for (let child = 2 * at + 1; child <= 2 * at + 2 && child < this.#size; child++) {
        if (this.#before(this.#heap[child]!, this.#heap[least]!)) least = child;
      }
      if (least === at) return;
      const moved = this.#heap[at]!;
      this.#heap[at] = this.#heap[least]!;
      this.#heap[least] = moved;
      at = least;
    }
  }
}

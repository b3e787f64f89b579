import type { Trace } from '../trace/trace.ts';

/** Row numbers of each thread's calls, in order. */
export function rowsByThread(trace: Pick<Trace, 'length' | 'thread' | 'threads'>): Uint32Array[] {
  const counts = new Uint32Array(trace.threads.length);
  for (let row = 0; row < trace.length; row++) counts[trace.thread[row] as number]!++;
  const rows = Array.from(counts, (count) => new Uint32Array(count));
  counts.fill(0);
  for (let row = 0; row < trace.length; row++) {
    const thread = trace.thread[row] as number;
    (rows[thread] as Uint32Array)[counts[thread]!++] = row;
  }
  return rows;
}

/** The process that made a call. */
export function pidOf(trace: Pick<Trace, 'thread' | 'threads'>, row: number): number {
  return trace.threads[trace.thread[row] as number]?.pid ?? 0;
}

/** Reads a stored trace as it streams in, and stops when the deadline comes. */
import { readTrace } from '../trace/open-trace.ts';
import type { StoredTrace, TraceReader } from './ports.ts';

export function createTraceReader(): TraceReader {
  return {
    read: (stored, signal) =>
      readTrace(until(signal, stored), { name: `s3://${stored.bucket}/${stored.key}` }),
  };
}

async function* until(signal: AbortSignal, stored: StoredTrace): AsyncIterable<Uint8Array> {
  for await (const chunk of stored.chunks) {
    signal.throwIfAborted();
    yield chunk;
  }
}

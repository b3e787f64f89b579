import { TraceError } from './errors.ts';
import { fileChunks } from './file-chunks.ts';
import { readTrace } from './open-trace.ts';
import type { ReadOptions, Trace } from './trace.ts';

/** Reads a trace from a file. Throws a TraceError where it cannot be opened or holds no usable trace. */
export async function readTraceFile(path: string, options: ReadOptions = {}): Promise<Trace> {
  try {
    return await readTrace(fileChunks(path), { name: path, ...options });
  } catch (error) {
    const problem = fileProblem(error);
    if (problem === null) throw error;
    throw new TraceError(`${path}: ${problem}; expected the file of a trace`, { cause: error });
  }
}

function fileProblem(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null;
  switch (error.code) {
    case 'ENOENT':
      return 'no such file';
    case 'EISDIR':
      return 'is a folder';
    case 'EACCES':
      return 'may not be read by this user';
    default:
      return 'syscall' in error ? `cannot be read (${String(error.code)})` : null;
  }
}

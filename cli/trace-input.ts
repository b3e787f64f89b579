import { statSync } from 'node:fs';
import { readTrace } from '../trace/open-trace.ts';
import { readTraceFile } from '../trace/read-trace-file.ts';
import type { Architecture, ReadOptions, Trace } from '../trace/trace.ts';
import { type Progress, readingMessage } from './progress.ts';

/** What stands for standard input in place of a file's name. */
const STANDARD_INPUT = '-';

export interface TraceInputOptions {
  readonly stacks: boolean;
  readonly architecture?: Architecture;
  readonly progress: Progress;
}

/** Reads a trace that was named on the command line, telling how far it is. */
export async function readTraceInput(path: string, options: TraceInputOptions): Promise<Trace> {
  const { stacks, architecture, progress } = options;
  const total = path === STANDARD_INPUT ? null : sizeOf(path);
  const name = path === STANDARD_INPUT ? 'standard input' : path;
  const readOptions: ReadOptions = {
    name,
    stacks,
    ...(architecture === undefined ? {} : { architecture }),
    onProgress: (bytesRead) => progress.show(readingMessage(name, bytesRead, total)),
  };
  try {
    return await (path === STANDARD_INPUT
      ? readTrace(process.stdin, readOptions)
      : readTraceFile(path, readOptions));
  } finally {
    progress.clear();
  }
}

/** Size of a file, or null where it has none; reading it will say what is wrong with it. */
function sizeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.size ?? null;
}

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { clockOffset } from '../clock.ts';
import { ShipperError } from '../errors.ts';
import type { CutFile, CutRequest } from '../ship.ts';
import { straceDirectory, straceFiles } from './trace-files.ts';

/** Lines that are joined before they are handed on. */
const LINES_AT_ONCE = 1_000;

/** The lines of the window; strace stamps them with the time of day. */
export function cutStraceFiles(request: CutRequest): CutFile {
  const { armed, clock, window } = request;
  const offset = clockOffset(clock);
  const from = window.fromSeconds + offset;
  const to = window.toSeconds + offset;
  const files = straceFiles(straceDirectory(request.directories, armed.service)).filter(
    (file, i, all) =>
      file.startMilliseconds <= to * 1000 &&
      (all[i + 1]?.startMilliseconds ?? Number.POSITIVE_INFINITY) >= from * 1000,
  );
  if (files.length === 0) {
    throw new ShipperError(
      `expected files of strace for ${armed.service} between ${new Date(from * 1000).toISOString()} and ${new Date(to * 1000).toISOString()}, found none: does «perfscope record --recorder strace» still run?`,
    );
  }
  const reachesBack = to - Math.max(from, files[0]!.startMilliseconds / 1000);
  const warnings = [...window.warnings];
  if (reachesBack < to - from - 1) {
    warnings.push(
      `the trace reaches back ${reachesBack.toFixed(1)} s before the window's end instead of ${(to - from).toFixed(1)} s`,
    );
  }
  const { realtimeSeconds } = clock;
  return {
    file: 'trace.strace',
    chunks: () => linesBetween(files, from, to),
    warnings,
    clock: { traceSeconds: realtimeSeconds, realtimeSeconds },
  };
}

async function* linesBetween(
  files: readonly { readonly path: string }[],
  from: number,
  to: number,
): AsyncGenerator<Buffer> {
  for (const { path } of files) {
    let lines: string[] = [];
    for await (const line of createInterface({ input: createReadStream(path) })) {
      const time = Number(/^\d+ (\d+\.\d+) /.exec(line)?.[1]);
      if (!(time >= from && time <= to)) continue;
      lines.push(line);
      if (lines.length === LINES_AT_ONCE) {
        yield Buffer.from(`${lines.join('\n')}\n`);
        lines = [];
      }
    }
    if (lines.length > 0) yield Buffer.from(`${lines.join('\n')}\n`);
  }
}

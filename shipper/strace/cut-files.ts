import { createReadStream, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { clockOffset } from '../clock.ts';
import type { CutFile, CutRequest } from '../cut.ts';
import { ShipperError } from '../errors.ts';
import { type StraceFile, straceDirectory, straceFiles } from './trace-files.ts';

/** Lines that are joined before they are handed on. */
const LINES_AT_ONCE = 1_000;

/**
 * The lines of the window; strace stamps them with the time of day. Where there are none, because the service stood
 * still all the while, the window begins as long before the last line as it was asked to be.
 */
export function cutStraceFiles(request: CutRequest): CutFile {
  const { armed, clock, window } = request;
  const offset = clockOffset(clock);
  const askedFrom = window.fromSeconds + offset;
  const to = window.toSeconds + offset;
  const before = straceFiles(straceDirectory(request.directories, armed.service)).filter(
    ({ startMilliseconds }) => startMilliseconds <= to * 1000,
  );
  const last = lastLineUntil(before, to);
  if (last === null) {
    throw new ShipperError(
      `expected lines of strace for ${armed.service} up to ${new Date(to * 1000).toISOString()}, found none: is the alarm's time right (--at)? If it is: does «perfscope record --recorder strace» still run?`,
    );
  }
  const isSilent = last < askedFrom;
  const from = isSilent ? last - (to - askedFrom) : askedFrom;
  const files = before.filter(
    (_, i) => (before[i + 1]?.startMilliseconds ?? Number.POSITIVE_INFINITY) >= from * 1000,
  );
  const reachesBack = to - Math.max(from, files[0]!.startMilliseconds / 1000);
  const warnings = [...window.warnings];
  if (isSilent) {
    warnings.push(
      `no system call was made in the ${(to - last).toFixed(1)} s before the window's end: it reaches further back than asked, to what was done before the last one`,
    );
  }
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

/** Time of a line, seconds since 1970; NaN where it has none. */
function lineSeconds(line: string): number {
  return Number(/^\d+ (\d+\.\d+) /.exec(line)?.[1]);
}

function lastLineUntil(files: readonly StraceFile[], to: number): number | null {
  for (const { path } of files.toReversed()) {
    const times = readFileSync(path, 'latin1').split('\n').map(lineSeconds);
    const last = times.reduce((latest, time) => (time <= to && time > latest ? time : latest), 0);
    if (last > 0) return last;
  }
  return null;
}

async function* linesBetween(
  files: readonly { readonly path: string }[],
  from: number,
  to: number,
): AsyncGenerator<Buffer> {
  for (const { path } of files) {
    let lines: string[] = [];
    for await (const line of createInterface({ input: createReadStream(path) })) {
      const time = lineSeconds(line);
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

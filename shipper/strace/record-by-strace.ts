import { totalmem } from 'node:os';
import { type Armed, forgetArmed, writeArmed } from '../armed.ts';
import { clockOffset, readClockPair } from '../clock.ts';
import { ShipperError } from '../errors.ts';
import { tryLock } from '../lock.ts';
import type { RecordOptions } from '../record.ts';
import { defaultCapBytes } from '../ring-size.ts';
import { targetProcesses, threadTable } from '../target.ts';
import { runStrace } from './recorder.ts';
import { straceDirectory } from './trace-files.ts';

/** Between looks for processes to attach to, and after strace ended by itself. */
const LOOK_MILLISECONDS = 1_000;

/** Records until the signal; takes up restarts of the service. */
export async function recordByStrace(
  options: RecordOptions,
  signal: AbortSignal,
  report: (line: string) => void,
): Promise<void> {
  // Held as long as strace runs: a second strace could not attach anyway.
  const held = await tryLock(`strace/${options.service}`);
  if (held === null) {
    throw new ShipperError(
      `${options.service} is already recorded with strace by another perfscope process: stop that one first`,
    );
  }
  const capBytes = options.capBytes ?? defaultCapBytes(totalmem());
  const directory = straceDirectory(options.directories, options.service);
  try {
    while (!signal.aborted) {
      const pids = targetProcesses(options.target);
      if (pids.length > 0) {
        writeArmed(options.directories, armedBy(options, capBytes, pids));
        const ended = await runStrace(
          pids,
          { directory, mostBytes: capBytes, depthSeconds: options.depthSeconds },
          signal,
        );
        if (ended.unwritten > 0) {
          report(`${ended.unwritten} lines were dropped: the disk of ${directory} is full`);
        }
        if (ended.lines === 0 && !signal.aborted) {
          report(`strace recorded nothing: ${ended.complaint.trim().split('\n').at(-1) ?? ''}`);
        }
      }
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, LOOK_MILLISECONDS));
    }
  } finally {
    forgetArmed(options.directories, options.service);
    held.release();
  }
}

function armedBy(options: RecordOptions, capBytes: number, pids: readonly number[]): Armed {
  const clock = readClockPair();
  return {
    schema: 'perfscope.armed/1',
    service: options.service,
    build: options.build,
    node: options.node,
    bucket: options.bucket,
    recorder: 'strace',
    target: options.target,
    armedAtSeconds: clock.monotonicSeconds,
    depthSeconds: options.depthSeconds,
    capBytes,
    clockOffsets: [clockOffset(clock)],
    threads: threadTable(pids),
  };
}

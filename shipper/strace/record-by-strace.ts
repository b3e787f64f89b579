import { totalmem } from 'node:os';
import { type Armed, readArmed, withThreads, writeArmed } from '../armed.ts';
import { clockOffset, readClockPair } from '../clock.ts';
import { ShipperError } from '../errors.ts';
import { pause } from '../pause.ts';
import type { RecordOptions } from '../record.ts';
import { defaultCapBytes } from '../ring-size.ts';
import { stay } from '../staying.ts';
import { describeTarget, runningProcesses, threadTable } from '../target.ts';
import { tryToWrite } from '../unwritable.ts';
import { type LineWriter, lineWriter } from './line-writer.ts';
import { runStrace } from './recorder.ts';
import { straceDirectory } from './trace-files.ts';

/** Between looks for processes to attach to; ever longer, up to the longest, while strace gets nothing out of them. */
const LOOK_SECONDS = 1;
const LONGEST_LOOK_SECONDS = 60;

/**
 * Records until the signal, and takes up restarts of the service. What was recorded stays where `ship` finds it,
 * until `disarm`.
 */
export async function recordByStrace(
  options: RecordOptions,
  signal: AbortSignal,
  report: (line: string) => void,
): Promise<void> {
  const { directories, service } = options;
  // Held as long as strace runs: a second strace could not attach anyway.
  const held = await stay(service);
  try {
    if (readArmed(directories, service)?.recorder === 'tracefs') {
      throw new ShipperError(
        `${service} is already recorded with tracefs: «perfscope disarm --service ${service}» first`,
      );
    }
    const capBytes = options.capBytes ?? defaultCapBytes(totalmem());
    const say = (line: string) => report(`${service}: ${line}`);
    const writer = lineWriter({
      directory: straceDirectory(directories, service),
      mostBytes: capBytes,
      depthSeconds: options.depthSeconds,
      report: say,
    });
    try {
      await recordInto(writer, { ...options, capBytes }, signal, say);
    } finally {
      await writer.close();
    }
    say(`what was recorded can be shipped until «perfscope disarm --service ${service}»`);
  } finally {
    held.release();
  }
}

type StraceRecording = RecordOptions & { readonly capBytes: number };

async function recordInto(
  writer: LineWriter,
  options: StraceRecording,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<void> {
  let lastSaid = '';
  const sayOnce = (line: string) => {
    if (line !== lastSaid) say(line);
    lastSaid = line;
  };
  let wait = LOOK_SECONDS;
  do {
    const pids = runningProcesses(options.target);
    if (pids.length === 0) {
      // A number is given anew, to somebody else.
      if (options.target.kind === 'pid') return sayOnce(`${describeTarget(options.target)} runs no more`);
      sayOnce(`waiting for ${describeTarget(options.target)}`);
      continue;
    }
    if (!tryToWrite(() => writeArmed(options.directories, armedBy(options, pids))))
      sayOnce(`could not note what is recorded in ${options.directories.state}: it cannot be shipped`);
    const before = writer.lines;
    const complaint = await runStrace(pids, writer, signal);
    if (writer.lines > before) {
      wait = LOOK_SECONDS;
      lastSaid = '';
    } else if (!signal.aborted) {
      wait = Math.min(LONGEST_LOOK_SECONDS, wait * 2);
      sayOnce(`strace recorded nothing: ${complaint}`);
    }
  } while (await pause(wait, signal));
}

function armedBy(options: StraceRecording, pids: readonly number[]): Armed {
  const clock = readClockPair();
  const armed: Armed = {
    schema: 'perfscope.armed/1',
    service: options.service,
    build: options.build,
    node: options.node,
    bucket: options.bucket,
    recorder: 'strace',
    target: options.target,
    armedAtSeconds: clock.monotonicSeconds,
    depthSeconds: options.depthSeconds,
    capBytes: options.capBytes,
    clockOffsets: [clockOffset(clock)],
    threads: readArmed(options.directories, options.service)?.threads ?? [],
  };
  return withThreads(armed, threadTable(pids));
}

import { spawn } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { isDiskFull } from '../ring/drained-pages.ts';
import { scrubLine } from './scrub-line.ts';
import { FILE_BYTES, forgetStraceFiles, newStraceFile } from './trace-files.ts';

/**
 * Records with strace where tracefs cannot be had. strace stops the service at each call: this costs several times
 * the CPU of a busy server (docs/recording.md) and is for places that leave no choice.
 *
 * What strace prints is scrubbed before anything of it reaches the disk.
 */
export interface StraceOptions {
  readonly directory: string;
  readonly mostBytes: number;
  readonly depthSeconds: number;
}

/** raw: numbers as they are, nothing behind an address is looked at; -s 0 in case it is. */
export function straceArguments(pids: readonly number[]): string[] {
  const noStrings = ['-s', '0', '-e', 'raw=all', '-e', 'verbose=none', '-e', 'signal=none'];
  // `|cat` gives the form of -o, with a thread id on every line, on standard output.
  return ['-f', '-ttt', '-T', ...noStrings, '-o', '|cat', ...pids.flatMap((pid) => ['-p', String(pid)])];
}

/** Runs until all traced processes are gone, or the signal stops it; the service goes on in either case. */
export async function runStrace(
  pids: readonly number[],
  options: StraceOptions,
  signal: AbortSignal,
): Promise<{ readonly lines: number; readonly unwritten: number; readonly complaint: string }> {
  const strace = spawn('strace', straceArguments(pids), { stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = () => strace.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  let complaint = '';
  strace.stderr.on('data', (bytes: Buffer) => {
    complaint = `${complaint}${bytes}`.slice(-2_000);
  });
  const ended = new Promise<void>((resolve, reject) => {
    strace.once('error', reject);
    strace.once('close', () => resolve());
  });
  const writer = rotatingWriter(options);
  let lines = 0;
  let unwritten = 0;
  try {
    for await (const line of createInterface({ input: strace.stdout })) {
      const scrubbed = scrubLine(line);
      if (scrubbed === null) continue;
      // What the disk does not take is dropped: a full pipe would stop the service.
      if (writer.write(scrubbed)) lines++;
      else unwritten++;
    }
    await ended;
  } finally {
    writer.close();
    signal.removeEventListener('abort', stop);
  }
  return { lines, unwritten, complaint };
}

/** Bytes that are collected before they are written. */
const WRITE_BYTES = 64 * 1024;
/** What was collected is written after this time at the latest: a kill loses no more. */
const WRITE_MILLISECONDS = 500;

function rotatingWriter(options: StraceOptions) {
  let file: number | null = null;
  let written = 0;
  let pending: string[] = [];
  let pendingBytes = 0;
  let isFull = false;

  const flush = () => {
    if (pending.length === 0) return;
    const text = pending.join('');
    pending = [];
    pendingBytes = 0;
    const now = Date.now();
    if (file !== null && written > FILE_BYTES) {
      closeSync(file);
      file = null;
      forgetStraceFiles(options.directory, options.mostBytes, now - options.depthSeconds * 1000);
    }
    try {
      if (file === null) {
        file = openSync(newStraceFile(options.directory, now), 'a', 0o600);
        written = 0;
      }
      written += writeSync(file, text);
      isFull = false;
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      isFull = true;
    }
  };
  const timer = setInterval(flush, WRITE_MILLISECONDS);
  timer.unref();
  return {
    /** False while the disk is full. */
    write(line: string): boolean {
      pending.push(`${line}\n`);
      pendingBytes += line.length + 1;
      if (pendingBytes >= WRITE_BYTES) flush();
      return !isFull;
    },
    close() {
      clearInterval(timer);
      flush();
      if (file !== null) closeSync(file);
    },
  };
}

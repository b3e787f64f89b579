import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ShipperError } from '../errors.ts';
import type { LineWriter } from './line-writer.ts';
import { scrubLine } from './scrub-line.ts';

/**
 * Records with strace where tracefs cannot be had. strace stops the service at each call: this costs several times
 * the CPU of a busy server (docs/recording.md) and is for places that leave no choice.
 *
 * What strace prints is scrubbed before anything of it reaches the disk.
 */

/** raw: numbers as they are, nothing behind an address is looked at; -s 0 in case it is. */
function straceArguments(pids: readonly number[]): string[] {
  const noStrings = ['-s', '0', '-e', 'raw=all', '-e', 'verbose=none', '-e', 'signal=none'];
  // `|cat` gives the form of -o, with a thread id on every line, on standard output.
  return ['-f', '-ttt', '-T', ...noStrings, '-o', '|cat', ...pids.flatMap((pid) => ['-p', String(pid)])];
}

/**
 * Runs until all traced processes are gone, or the signal stops it; the service goes on in either case.
 *
 * @returns the last that strace complained of; empty where it did not
 */
export async function runStrace(
  pids: readonly number[],
  writer: LineWriter,
  signal: AbortSignal,
): Promise<string> {
  const strace = spawn('strace', straceArguments(pids), { stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = () => strace.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  let complaints = '';
  strace.stderr.on('data', (bytes: Buffer) => {
    complaints = `${complaints}${bytes}`.slice(-2_000);
  });
  const ended = new Promise<NodeJS.ErrnoException | null>((resolve) => {
    strace.once('error', resolve);
    strace.once('close', () => resolve(null));
  });
  try {
    for await (const line of createInterface({ input: strace.stdout })) {
      const scrubbed = scrubLine(line);
      if (scrubbed !== null) writer.write(scrubbed);
    }
  } finally {
    // Whatever ended the loop: nobody reads any more, and a strace that cannot print holds the service.
    stop();
    strace.stdout.destroy();
    signal.removeEventListener('abort', stop);
  }
  const failure = await ended;
  if (failure !== null) {
    throw new ShipperError(
      `could not run strace: ${failure.message}; install it («apt-get install strace», «dnf install strace»)`,
      { cause: failure },
    );
  }
  return complaints.trim().split('\n').at(-1) ?? '';
}

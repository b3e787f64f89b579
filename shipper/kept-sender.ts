import { type ChildProcess, spawn } from 'node:child_process';
import type { Directories } from './armed.ts';
import { listOutgoing, readProgress, readShipped } from './outgoing.ts';

/**
 * Sends what S3 did not take earlier, beside the watch: in a process of its own, so that an S3 that hangs delays
 * neither the watch nor its end, and the S3 client's memory goes with it. Where it is ended on its way, the next one
 * goes on.
 */
export interface KeptSender {
  /** Begins, where there is something to send and nobody at it. */
  start(): void;
  stop(): void;
}

export function keptSender(directories: Directories, report: (line: string) => void): KeptSender {
  let sending: ChildProcess | null = null;
  let lastSaid = '';

  function say(output: string): void {
    // An S3 that is away for a night says the same each minute.
    if (output !== lastSaid) for (const line of output.split('\n').filter(Boolean)) report(line);
    lastSaid = output;
  }

  return {
    start() {
      if (sending !== null || !hasKept(directories)) return;
      const places = ['--spool', directories.spool, '--state', directories.state];
      const program = [...process.execArgv, process.argv[1]!, 'ship', '--pending', '--patience', '0'];
      const child = spawn(process.execPath, [...program, ...places], {
        stdio: ['ignore', 'ignore', 'pipe'],
        // A warning of Node.js's names the process, and would make each minute's output another.
        env: { ...process.env, NODE_NO_WARNINGS: '1' },
      });
      sending = child;
      let output = '';
      child.stderr.on('data', (bytes: Buffer) => {
        output += bytes;
      });
      child.once('error', (error) => say(`could not send what was kept: ${error.message}`));
      child.once('close', () => {
        sending = null;
        say(output);
      });
    },
    stop() {
      sending?.kill('SIGTERM');
    },
  };
}

function hasKept(directories: Directories): boolean {
  return listOutgoing(directories).some((item) => readProgress(item) !== null && readShipped(item) === null);
}

import type { Directories } from './armed.ts';
import { hasTrace, listOutgoing, readShipped } from './outgoing.ts';

/**
 * Sends what S3 did not take earlier, beside the watch: an S3 that hangs delays neither the watch nor its end. Where
 * it is ended on its way, the next one goes on.
 */
export interface KeptSender {
  /** Begins, where there is something to send and nobody at it. */
  start(): void;
  /** Ends it, and waits until it has. */
  stop(): Promise<void>;
}

export function keptSender(directories: Directories, report: (line: string) => void): KeptSender {
  const ending = new AbortController();
  let sending: Promise<void> | null = null;
  let lastSaid = '';

  async function send(): Promise<void> {
    // The S3 client takes more memory than all the rest: it is loaded when there is something to send.
    const { shipPending } = await import('./send-trace.ts');
    const { s3Client } = await import('./upload.ts');
    const said: string[] = [];
    await shipPending(
      directories,
      () => s3Client(process.env),
      0,
      (line) => said.push(line),
      {
        signal: ending.signal,
        waits: false,
      },
    );
    // An S3 that is away for a night says the same each minute.
    if (said.join() !== lastSaid && !ending.signal.aborted) for (const line of said) report(line);
    lastSaid = said.join();
  }

  return {
    start() {
      if (sending !== null || !hasKept(directories)) return;
      sending = send()
        .catch((error: Error) => report(`could not send what was kept: ${error.message}`))
        .finally(() => {
          sending = null;
        });
    },
    async stop() {
      ending.abort();
      await sending;
    },
  };
}

function hasKept(directories: Directories): boolean {
  return listOutgoing(directories).some((item) => readShipped(item) === null && hasTrace(item));
}

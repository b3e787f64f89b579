import type { Command } from 'commander';

/** What a shell reports for a command that Ctrl-C ended: 128 + SIGINT. */
const INTERRUPTED = 130;

export function register(program: Command): void {
  program
    .command('demo')
    .description('run the whole flow on this machine: S3, the function, DynamoDB, the notification')
    .addHelpText(
      'after',
      '\nNeeds no AWS account, no network and no Docker: fauxqs and dynalite run inside this process.\n\nExample:\n  npm run demo\n',
    )
    .action(async () => {
      // Loaded only now: the AWS clients and the embedded servers would slow down every other command.
      const { runDemo } = await import('../demo/demo.ts');
      const stop = new AbortController();
      const interrupt = () => stop.abort();
      process.once('SIGINT', interrupt);
      process.once('SIGTERM', interrupt);
      try {
        await runDemo({ say: (text) => process.stdout.write(`${text}\n`), signal: stop.signal });
      } catch (error) {
        if (!stop.signal.aborted) throw error;
        // The servers are closed; an analysis that is under way on its thread need not be waited for.
        process.exit(INTERRUPTED);
      } finally {
        process.off('SIGINT', interrupt);
        process.off('SIGTERM', interrupt);
      }
    });
}

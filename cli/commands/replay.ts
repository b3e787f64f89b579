import type { Command } from 'commander';
import { withAws } from '../aws-error.ts';

const HELP = `
Dead letters are events that failed for good: five deliveries of a queue's message, three attempts of an event. Look
at the function's log for the reason and repair it first; a letter that fails again comes back to the dead letters.
The stack's outputs DeadLetterQueue and FollowUpQueue hold the two addresses.

Examples:
  perfscope replay --from DEAD_LETTER_QUEUE_URL --to FOLLOW_UP_QUEUE_URL --dry-run
  perfscope replay --from DEAD_LETTER_QUEUE_URL --to FOLLOW_UP_QUEUE_URL`;

interface Options {
  readonly from: string;
  readonly to: string;
  readonly dryRun?: boolean;
}

export function register(program: Command): void {
  program
    .command('replay')
    .summary('hand failed events to the function again')
    .description('Moves dead letters back to the queue that calls the function.')
    .requiredOption('--from <url>', 'the dead-letter queue')
    .requiredOption('--to <url>', 'the follow-up queue')
    .option('--dry-run', 'only show what is there')
    .addHelpText('after', HELP)
    .action(async ({ from, to, dryRun = false }: Options) => {
      const [{ SQSClient }, { replayDeadLetters }] = await Promise.all([
        import('@aws-sdk/client-sqs'),
        import('../replay-dead-letters.ts'),
      ]);
      const sqs = new SQSClient({ useQueueUrlAsEndpoint: false });
      try {
        const seen = await withAws(`cannot replay from ${from}`, () =>
          replayDeadLetters(sqs, {
            from,
            to,
            dryRun,
            onLetter: ({ messageId, kind }) => process.stdout.write(`${messageId}  ${kind}\n`),
          }),
        );
        process.stdout.write(
          seen === 0
            ? 'no dead letters\n'
            : `${seen} ${dryRun ? 'dead letters, left where they are' : 'handed over'}\n`,
        );
      } finally {
        sqs.destroy();
      }
    });
}

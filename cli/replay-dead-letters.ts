/**
 * Moves dead letters back to the queue that calls the function. A letter is removed only after its copy is queued, so
 * a command that is stopped in the middle leaves it in one place or in both, never in none; the function takes
 * duplicates.
 */
import {
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { readEvent } from '../lambda/events/accepted.ts';

interface DeadLetter {
  readonly messageId: string;
  /** What the function will take it for. */
  readonly kind: string;
  readonly body: string;
}

export interface ReplayOptions {
  readonly from: string;
  readonly to: string;
  /** Only tell what is there. */
  readonly dryRun: boolean;
  readonly onLetter: (letter: DeadLetter) => void;
}

/** While one replay looks at a letter, no other sees it. */
const HIDDEN_SECONDS = 60;
const BATCH = 10;

/** Number of letters seen. */
export async function replayDeadLetters(sqs: SQSClient, options: ReplayOptions): Promise<number> {
  let seen = 0;
  for (;;) {
    const { Messages: messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: options.from,
        MaxNumberOfMessages: BATCH,
        VisibilityTimeout: HIDDEN_SECONDS,
        WaitTimeSeconds: 1,
      }),
    );
    if (messages.length === 0) return seen;
    for (const { MessageId: messageId = '', Body: body = '', ReceiptHandle: handle } of messages) {
      seen += 1;
      options.onLetter({ messageId, kind: kindOf(body), body });
      if (options.dryRun) continue;
      await sqs.send(new SendMessageCommand({ QueueUrl: options.to, MessageBody: body }));
      await sqs.send(new DeleteMessageCommand({ QueueUrl: options.from, ReceiptHandle: handle }));
    }
  }
}

function kindOf(body: string): string {
  try {
    return readEvent(JSON.parse(body)).kind;
  } catch {
    return 'unknown';
  }
}

/** Follow-ups as delayed messages in our own queue, which calls the function again. */
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { writeFollowUp } from '../events/follow-up.ts';
import type { FollowUps } from '../ports.ts';

export function createFollowUps(sqs: SQSClient, queueUrl: string): FollowUps {
  return {
    async schedule(id, delaySeconds): Promise<void> {
      await sqs.send(
        new SendMessageCommand({
          QueueUrl: queueUrl,
          MessageBody: writeFollowUp(id),
          DelaySeconds: delaySeconds,
        }),
      );
    },
  };
}

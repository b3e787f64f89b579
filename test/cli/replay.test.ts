import { CreateQueueCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { receive } from '../../cli/demo/deliveries.ts';
import { type EmbeddedAws, startEmbeddedAws } from '../../cli/demo/embedded-aws.ts';
import { replayDeadLetters } from '../../cli/replay-dead-letters.ts';

let aws: EmbeddedAws;
let deadLetters: string;
beforeAll(async () => {
  aws = await startEmbeddedAws();
  const { QueueUrl: url = '' } = await aws.clients.sqs.send(
    new CreateQueueCommand({ QueueName: 'dead-letters' }),
  );
  deadLetters = url;
});
afterAll(() => aws.stop());

const LETTERS = [
  JSON.stringify({
    requestContext: { condition: 'RetriesExhausted' },
    requestPayload: { incident: 'shop/p99' },
  }),
  JSON.stringify({ followUp: { service: 'shop', incident: 'p99' } }),
];

it('hands every dead letter over once, and leaves none behind', async () => {
  for (const body of LETTERS)
    await aws.clients.sqs.send(new SendMessageCommand({ QueueUrl: deadLetters, MessageBody: body }));
  const kinds: string[] = [];
  const options = {
    from: deadLetters,
    to: aws.followUpsQueueUrl,
    onLetter: ({ kind }: { kind: string }) => kinds.push(kind),
  };
  expect(await replayDeadLetters(aws.clients.sqs, { ...options, dryRun: false })).toBe(2);
  expect(kinds.sort()).toEqual(['ad-hoc-incident', 'follow-up']);
  const moved = await receive(aws.clients.sqs, aws.followUpsQueueUrl, 1);
  expect(moved.map(({ body }) => body).sort()).toEqual([...LETTERS].sort());
  expect(await replayDeadLetters(aws.clients.sqs, { ...options, dryRun: false })).toBe(0);
});

it('shows what is there without touching it', async () => {
  await aws.clients.sqs.send(new SendMessageCommand({ QueueUrl: deadLetters, MessageBody: 'torn' }));
  const kinds: string[] = [];
  const seen = await replayDeadLetters(aws.clients.sqs, {
    from: deadLetters,
    to: aws.followUpsQueueUrl,
    dryRun: true,
    onLetter: ({ kind }) => kinds.push(kind),
  });
  expect({ seen, kinds }).toEqual({ seen: 1, kinds: ['unknown'] });
  expect(await receive(aws.clients.sqs, aws.followUpsQueueUrl, 0)).toEqual([]);
});

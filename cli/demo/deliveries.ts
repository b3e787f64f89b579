/** Brings events to the handler as AWS's own services would: EventBridge for objects, the poller for a queue. */
import { DeleteMessageCommand, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { Context } from 'aws-lambda';
import type { StoredObject } from './embedded-aws.ts';

export type Handler = (event: unknown, context: Context) => Promise<unknown>;

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html */
export function objectCreatedEvent({ bucket, key }: StoredObject, region: string): unknown {
  return {
    version: '0',
    id: '17793124-05d4-b198-2fde-7ededc63b103',
    'detail-type': 'Object Created',
    source: 'aws.s3',
    account: '000000000000',
    time: '2026-11-23T02:15:04Z',
    region,
    resources: [`arn:aws:s3:::${bucket}`],
    detail: {
      version: '0',
      bucket: { name: bucket },
      object: { key, sequencer: '00617F08299329D189' },
      'request-id': 'N4N7GDK58NMKJ12R',
      requester: '000000000000',
      reason: 'PutObject',
    },
  };
}

export interface ReceivedMessage {
  readonly messageId: string;
  readonly body: string;
  readonly receiptHandle: string;
}

export async function receive(
  sqs: SQSClient,
  queueUrl: string,
  waitSeconds: number,
): Promise<ReceivedMessage[]> {
  const { Messages: messages = [] } = await sqs.send(
    new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: waitSeconds }),
  );
  return messages.map(({ MessageId = '', Body = '', ReceiptHandle = '' }) => ({
    messageId: MessageId,
    body: Body,
    receiptHandle: ReceiptHandle,
  }));
}

export async function remove(sqs: SQSClient, queueUrl: string, message: ReceivedMessage): Promise<void> {
  await sqs.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: message.receiptHandle }));
}

/** https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
export function queueEvent(messages: readonly ReceivedMessage[]): unknown {
  return {
    Records: messages.map(({ messageId, body, receiptHandle }) => ({
      messageId,
      receiptHandle,
      body,
      attributes: {},
      messageAttributes: {},
      eventSource: 'aws:sqs',
      awsRegion: 'eu-central-1',
    })),
  };
}

/** The handler reads its configuration when it is loaded, as it does on Lambda. */
export async function loadHandler(environment: Readonly<Record<string, string>>): Promise<Handler> {
  Object.assign(process.env, environment, {
    POWERTOOLS_LOG_LEVEL: 'SILENT',
    POWERTOOLS_METRICS_DISABLED: 'true',
  });
  const { handler } = await import('../../lambda/handler.ts');
  return handler as unknown as Handler;
}

const MINUTE_MILLISECONDS = 60_000;

/** What Lambda passes beside the event, with five minutes to spend. */
export function invocationContext(requestId: string, minutes = 5): Context {
  const ends = performance.now() + minutes * MINUTE_MILLISECONDS;
  return {
    awsRequestId: requestId,
    functionName: 'perfscope',
    functionVersion: '$LATEST',
    invokedFunctionArn: 'arn:aws:lambda:eu-central-1:000000000000:function:perfscope',
    memoryLimitInMB: '1769',
    logGroupName: '/aws/lambda/perfscope',
    logStreamName: 'local',
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => ends - performance.now(),
    done: () => undefined,
    fail: () => undefined,
    succeed: () => undefined,
  };
}

/**
 * The AWS clients, made once a process and kept over warm invocations. Endpoints, region and credentials come from
 * the SDK's own environment (AWS_ENDPOINT_URL_S3 and its like point them to fauxqs and dynalite), or from `settings`.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { SSMClient } from '@aws-sdk/client-ssm';

export interface Clients {
  readonly s3: S3Client;
  readonly dynamodb: DynamoDBClient;
  readonly sns: SNSClient;
  readonly sqs: SQSClient;
  readonly ssm: SSMClient;
}

interface ClientSettings {
  readonly region?: string;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** One address for S3, SNS and SQS (fauxqs), another for DynamoDB (dynalite), a third for SSM. */
  readonly endpoints?: { readonly objects: string; readonly items: string; readonly nodes?: string };
  readonly maxAttempts?: number;
  /** Zero waits as long as it takes. */
  readonly timeoutsMilliseconds?: number;
}

/** A connection that is not there after 2 s will not come; an answer that takes 8 s is lost. Both are tried again. */
const CONNECTION_TIMEOUT_MILLISECONDS = 2_000;
const REQUEST_TIMEOUT_MILLISECONDS = 8_000;

/** Standard retries with full jitter: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html */
const MAX_ATTEMPTS = 5;

export function createClients(settings: ClientSettings = {}): Clients {
  const { endpoints } = settings;
  const options = {
    maxAttempts: settings.maxAttempts ?? MAX_ATTEMPTS,
    ...(settings.region === undefined ? {} : { region: settings.region }),
    ...(settings.credentials === undefined ? {} : { credentials: settings.credentials }),
    requestHandler: {
      connectionTimeout: settings.timeoutsMilliseconds ?? CONNECTION_TIMEOUT_MILLISECONDS,
      requestTimeout: settings.timeoutsMilliseconds ?? REQUEST_TIMEOUT_MILLISECONDS,
      throwOnRequestTimeout: true,
    },
  };
  const objects = endpoints === undefined ? options : { ...options, endpoint: endpoints.objects };
  const items = endpoints === undefined ? options : { ...options, endpoint: endpoints.items };
  const nodes = endpoints?.nodes === undefined ? options : { ...options, endpoint: endpoints.nodes };
  return {
    s3: new S3Client(objects),
    dynamodb: new DynamoDBClient(items),
    // A retry inside the SDK could send a message twice: stores/sns-notifier.ts decides itself what may be repeated.
    sns: new SNSClient({ ...objects, maxAttempts: 1 }),
    // The queue lies in our own region; fauxqs gives its queues URLs of hosts that no resolver knows.
    sqs: new SQSClient({ ...objects, useQueueUrlAsEndpoint: false }),
    ssm: new SSMClient(nodes),
  };
}

export function destroyClients(clients: Clients): void {
  for (const client of Object.values(clients)) client.destroy();
}

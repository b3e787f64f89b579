/**
 * AWS on one machine, in this process: fauxqs (S3, SNS, SQS) and dynalite (DynamoDB), both in memory on free ports of
 * 127.0.0.1. The function's own adapters talk to them through the AWS SDK, unchanged.
 */

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { CreateTableCommand } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { CreateTopicCommand, SubscribeCommand } from '@aws-sdk/client-sns';
import { CreateQueueCommand } from '@aws-sdk/client-sqs';
import dynalite from 'dynalite';
import { buildApp } from 'fauxqs';
import { type Clients, createClients, destroyClients } from '../../lambda/stores/clients.ts';
import { INDEX, INDEX_KEYS, TABLE_KEYS } from '../../lambda/stores/incident-table.ts';

export const EMBEDDED_REGION = 'eu-central-1';
const CREDENTIALS = { accessKeyId: 'embedded', secretAccessKey: 'embedded' };

export const TRACES_BUCKET = 'perfscope-traces';
export const REPORTS_BUCKET = 'perfscope-reports';
export const INCIDENTS_TABLE = 'perfscope-incidents';

export interface StoredObject {
  readonly bucket: string;
  readonly key: string;
}

export interface EmbeddedAws {
  readonly clients: Clients;
  /** Where fauxqs listens. */
  readonly objectsUrl: string;
  /** Where dynalite listens. */
  readonly itemsUrl: string;
  readonly topicArn: string;
  readonly followUpsQueueUrl: string;
  /** A queue subscribed to the topic, as an on-call engineer's mailbox is. */
  readonly mailboxQueueUrl: string;
  /** Lambda's environment, as the stack would set it, plus the endpoints. */
  readonly environment: Readonly<Record<string, string>>;
  readonly stop: () => Promise<void>;
}

export interface EmbeddedAwsOptions {
  /** Called after an object of the traces bucket was stored: what S3 tells EventBridge. */
  readonly onObjectCreated?: (object: StoredObject) => void;
}

export async function startEmbeddedAws(options: EmbeddedAwsOptions = {}): Promise<EmbeddedAws> {
  const fauxqs = buildApp({ logger: false, defaultRegion: EMBEDDED_REGION });
  fauxqs.addHook('onResponse', async (request, reply) => {
    const object = createdObject(request.method, request.url, reply.statusCode);
    if (object !== null && object.bucket === TRACES_BUCKET) options.onObjectCreated?.(object);
  });
  const objectsUrl = await fauxqs.listen({ host: '127.0.0.1', port: 0 });
  const items = dynalite({ createTableMs: 0 });
  items.listen(0, '127.0.0.1');
  await once(items, 'listening');
  const itemsUrl = `http://127.0.0.1:${(items.address() as AddressInfo).port}`;
  const clients = createClients({
    region: EMBEDDED_REGION,
    credentials: CREDENTIALS,
    endpoints: { objects: objectsUrl, items: itemsUrl },
  });
  const { topicArn, followUpsQueueUrl, mailboxQueueUrl } = await createResources(clients);
  return {
    clients,
    objectsUrl,
    itemsUrl,
    topicArn,
    followUpsQueueUrl,
    mailboxQueueUrl,
    environment: {
      AWS_REGION: EMBEDDED_REGION,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      AWS_ENDPOINT_URL_S3: objectsUrl,
      AWS_ENDPOINT_URL_SNS: objectsUrl,
      AWS_ENDPOINT_URL_SQS: objectsUrl,
      AWS_ENDPOINT_URL_DYNAMODB: itemsUrl,
      TRACES_BUCKET,
      REPORTS_BUCKET,
      INCIDENTS_TABLE,
      NOTIFICATIONS_TOPIC_ARN: topicArn,
      FOLLOW_UPS_QUEUE_URL: followUpsQueueUrl,
    },
    async stop(): Promise<void> {
      destroyClients(clients);
      items.closeAllConnections();
      await Promise.all([fauxqs.close(), new Promise((resolve) => items.close(resolve))]);
    },
  };
}

async function createResources(clients: Clients) {
  const { s3, dynamodb, sns, sqs } = clients;
  await s3.send(new CreateBucketCommand({ Bucket: TRACES_BUCKET }));
  await s3.send(new CreateBucketCommand({ Bucket: REPORTS_BUCKET }));
  await dynamodb.send(
    new CreateTableCommand({
      TableName: INCIDENTS_TABLE,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: TABLE_KEYS,
      AttributeDefinitions: [...TABLE_KEYS, ...INDEX_KEYS].map(({ AttributeName }) => ({
        AttributeName,
        AttributeType: 'S',
      })),
      GlobalSecondaryIndexes: [
        { IndexName: INDEX, KeySchema: INDEX_KEYS, Projection: { ProjectionType: 'ALL' } },
      ],
    }),
  );
  const { TopicArn: topicArn = '' } = await sns.send(new CreateTopicCommand({ Name: 'perfscope' }));
  const queueUrls: string[] = [];
  for (const name of ['perfscope-follow-ups', 'perfscope-mailbox']) {
    const { QueueUrl: queueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: name }));
    await sns.send(
      new SubscribeCommand({
        TopicArn: topicArn,
        Protocol: 'sqs',
        Endpoint: topicArn.replace(':sns:', ':sqs:').replace(/[^:]+$/, name),
      }),
    );
    queueUrls.push(queueUrl);
  }
  const [followUpsQueueUrl = '', mailboxQueueUrl = ''] = queueUrls;
  return { topicArn, followUpsQueueUrl, mailboxQueueUrl };
}

/** A finished PutObject (PUT without part number) or CompleteMultipartUpload (POST with uploadId). */
function createdObject(method: string, url: string, status: number): StoredObject | null {
  if (status !== 200) return null;
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  const put = method === 'PUT' && !searchParams.has('partNumber');
  const completed = method === 'POST' && searchParams.has('uploadId');
  const [bucket, ...key] = pathname.slice(1).split('/').map(decodeURIComponent);
  if ((!put && !completed) || bucket === undefined || key.length === 0) return null;
  return { bucket, key: key.join('/') };
}

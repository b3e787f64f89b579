/**
 * The whole flow on one machine, with nothing of AWS simulated by us but the hand-over of events: a recorded trace and
 * its signature set go into S3, the S3 event invokes the real handler, and its message is read as a subscriber would.
 */

import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { QueryCommand } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { formatIncidentId, TRACES_PREFIX, traceKey } from '../../lambda/keys.ts';
import { HEAD_KIND } from '../../lambda/stores/incident-table.ts';
import { BUILD_METADATA } from '../../trace/object-metadata.ts';
import { publishSignatures } from '../publish-signatures.ts';
import {
  type Handler,
  invocationContext,
  loadHandler,
  objectCreatedEvent,
  queueEvent,
  type ReceivedMessage,
  receive,
  remove,
} from './deliveries.ts';
import {
  EMBEDDED_REGION,
  type EmbeddedAws,
  INCIDENTS_TABLE,
  REPORTS_BUCKET,
  type StoredObject,
  startEmbeddedAws,
  TRACES_BUCKET,
} from './embedded-aws.ts';

const EXAMPLE = new URL('../../examples/lighttpd-scgi-write-spin/', import.meta.url);

const INCIDENT = 'requests-hang-20261123T021500Z';
const NODE = 'web-7';
/** One long poll of the mailbox. */
const WAIT_SECONDS = 1;

export interface DemoOptions {
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
}

export async function runDemo({ say, signal }: DemoOptions): Promise<void> {
  const stored = deferred<StoredObject>();
  const aws = await startEmbeddedAws({
    onObjectCreated: (object) => {
      if (object.key.startsWith(TRACES_PREFIX)) stored.resolve(object);
    },
  });
  const interrupted = deferred<never>();
  const interrupt = () => interrupted.reject(signal.reason);
  signal.addEventListener('abort', interrupt, { once: true });
  try {
    await Promise.race([walkThrough(aws, stored.promise, say), interrupted.promise]);
  } finally {
    signal.removeEventListener('abort', interrupt);
    await aws.stop();
  }
}

async function walkThrough(
  aws: EmbeddedAws,
  stored: Promise<StoredObject>,
  say: (text: string) => void,
): Promise<void> {
  say(
    `1. S3, SNS and SQS (fauxqs) and DynamoDB (dynalite) run in this process, on ${aws.objectsUrl} and ${aws.itemsUrl}.`,
  );
  await upload(aws, say);
  const event = objectCreatedEvent(await stored, EMBEDDED_REGION);
  const handler = await loadHandler(aws.environment);
  const started = performance.now();
  const answer = await handler(event, invocationContext(randomUUID()));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  say(`4. S3's event invoked the function: it read, inferred and reported in ${seconds} s.\n`);
  const { verdict } = answer as { readonly verdict?: string };
  if (verdict === 'normal') say('   It found nothing abnormal, so it sends no notification.\n');
  else await readMail(aws, say);
  await deliverReceipts(aws, handler);
  await readItems(aws, say);
}

function deferred<T>() {
  let resolve: (value: T) => void = () => undefined;
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

async function upload({ clients }: EmbeddedAws, say: (text: string) => void): Promise<void> {
  const signatures = gunzipSync(await readFile(new URL('signatures.json.gz', EXAMPLE))).toString('utf8');
  const published = await publishSignatures(clients.s3, TRACES_BUCKET, signatures);
  say(
    `2. Published the signatures of ${published.service} ${published.build}: s3://${TRACES_BUCKET}/${published.key}`,
  );
  const key = traceKey({
    service: published.service,
    incident: INCIDENT,
    node: NODE,
    name: 'production.perf-script.gz',
  });
  const body = await readFile(new URL('production.perf-script.gz', EXAMPLE));
  await clients.s3.send(
    new PutObjectCommand({
      Bucket: TRACES_BUCKET,
      Key: key,
      Body: body,
      Metadata: { [BUILD_METADATA]: published.build },
    }),
  );
  say(
    `3. Uploaded a recorded trace of ${(body.length / 1e6).toFixed(1)} MB as the shipper does: s3://${TRACES_BUCKET}/${key}`,
  );
}

async function readMail(aws: EmbeddedAws, say: (text: string) => void): Promise<void> {
  let messages: ReceivedMessage[] = [];
  while (messages.length === 0) messages = await receive(aws.clients.sqs, aws.mailboxQueueUrl, WAIT_SECONDS);
  const rule = '─'.repeat(78);
  for (const message of messages) {
    const mail = JSON.parse(message.body) as { readonly Subject: string; readonly Message: string };
    await remove(aws.clients.sqs, aws.mailboxQueueUrl, message);
    say(
      `${rule}\nFrom:     PerfScope (SNS)\nTo:       on-call engineer\nSubject:  ${mail.Subject}\n${rule}\n${mail.Message}\n${rule}\n`,
    );
  }
}

/** The topic delivers a copy of each message to the follow-up queue: proof for the function that it was sent. */
async function deliverReceipts(aws: EmbeddedAws, handler: Handler): Promise<void> {
  const messages = await receive(aws.clients.sqs, aws.followUpsQueueUrl, 0);
  if (messages.length > 0) await handler(queueEvent(messages), invocationContext(randomUUID()));
  for (const message of messages) await remove(aws.clients.sqs, aws.followUpsQueueUrl, message);
}

async function readItems(aws: EmbeddedAws, say: (text: string) => void): Promise<void> {
  const signatures = gunzipSync(await readFile(new URL('signatures.json.gz', EXAMPLE))).toString('utf8');
  const { service } = JSON.parse(signatures) as { readonly service: string };
  const { Items: items = [] } = await aws.clients.dynamodb.send(
    new QueryCommand({
      TableName: INCIDENTS_TABLE,
      KeyConditionExpression: 'incident = :incident',
      ExpressionAttributeValues: { ':incident': { S: formatIncidentId({ service, incident: INCIDENT }) } },
    }),
  );
  say(
    `5. DynamoDB, table ${INCIDENTS_TABLE}, incident ${formatIncidentId({ service, incident: INCIDENT })}:`,
  );
  for (const item of items) {
    const isHead = item.kind?.S === HEAD_KIND;
    const names = item.suspects?.L?.map((name) => name.S).join(', ');
    say(
      `   ${item.kind?.S}: ${item.verdict?.S}, suspects ${names}${isHead ? `, first notification ${item.firstState?.S}` : ''}`,
    );
  }
  const document = items.find((item) => item.document?.S !== undefined)?.document?.S ?? '{}';
  const { pageKey } = JSON.parse(document) as { readonly pageKey?: string };
  const page = await aws.clients.s3.send(new GetObjectCommand({ Bucket: REPORTS_BUCKET, Key: pageKey }));
  const file = join(await mkdtemp(join(tmpdir(), 'perfscope-demo-')), 'report.html');
  await writeFile(file, (await page.Body?.transformToString()) ?? '');
  say(`6. The page, fetched from s3://${REPORTS_BUCKET}/${pageKey}, lies at\n   ${pathToFileURL(file)}`);
}

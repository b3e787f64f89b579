import { readFile } from 'node:fs/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type AttributeValue, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { PublishCommand } from '@aws-sdk/client-sns';
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  EMBEDDED_REGION,
  type EmbeddedAws,
  INCIDENTS_TABLE,
  startEmbeddedAws,
  TRACES_BUCKET,
} from '../../cli/demo/embedded-aws.ts';
import { writeStoredReport } from '../../lambda/incident/stored-documents.ts';
import { formatIncidentId, signaturesKey, traceKey } from '../../lambda/keys.ts';
import { NotificationRefused, NotificationUncertain } from '../../lambda/ports.ts';
import { type Clients, createClients, destroyClients } from '../../lambda/stores/clients.ts';
import { createIncidentStore } from '../../lambda/stores/dynamodb-incidents.ts';
import { createSignatureSource } from '../../lambda/stores/s3-signatures.ts';
import { createTraceSource } from '../../lambda/stores/s3-traces.ts';
import { createNotifier } from '../../lambda/stores/sns-notifier.ts';
import type { NodeReport } from '../../report/incident.ts';
import { SignatureError } from '../../signatures/errors.ts';
import { BUILD_METADATA, TRACE_CLOCK_METADATA, UNIX_CLOCK_METADATA } from '../../trace/object-metadata.ts';

const EXAMPLE = new URL('../../examples/lighttpd-scgi-write-spin/signatures.json.gz', import.meta.url);

let aws: EmbeddedAws;
beforeAll(async () => {
  aws = await startEmbeddedAws();
});
afterAll(() => aws.stop());

function put(key: string, body: Buffer | string, metadata: Record<string, string> = {}) {
  return aws.clients.s3.send(
    new PutObjectCommand({ Bucket: TRACES_BUCKET, Key: key, Body: body, Metadata: metadata }),
  );
}

/** The store at the beginning of time. */
function createStore() {
  const table = { table: INCIDENTS_TABLE, retentionDays: 1 };
  return createIncidentStore(aws.clients.dynamodb, table, { now: () => 0 });
}

const OPEN = { state: 'open', claimedUntil: 0, outcome: null, reports: 0 };

/** Counts the commands that a client sends. */
function counted(client: Clients['s3']): string[] {
  const sent: string[] = [];
  client.middlewareStack.add(
    (next, context) => (args) => {
      sent.push(String(context.commandName));
      return next(args);
    },
    { step: 'initialize', name: 'count', override: true },
  );
  return sent;
}

describe('the trace source', () => {
  const key = traceKey({ service: 's', incident: 'i', node: 'n', name: 'meta' });
  const open = () =>
    createTraceSource(aws.clients.s3).open({ bucket: TRACES_BUCKET, key }, new AbortController().signal);

  it('reads build and clock pair as the shipper wrote them', async () => {
    await put(key, 'x', {
      [BUILD_METADATA]: '1.4.24-dev',
      [TRACE_CLOCK_METADATA]: '2010548943000',
      [UNIX_CLOCK_METADATA]: '1795400000548943000',
    });
    const stored = await open();
    stored.close();
    expect(stored.build).toBe('1.4.24-dev');
    expect(stored.clockOffsetSeconds).toBeCloseTo(1_795_397_990, 5);
  });

  it.each([
    [{ [BUILD_METADATA]: '../../etc' }],
    [{ [TRACE_CLOCK_METADATA]: '1e9', [UNIX_CLOCK_METADATA]: '5' }],
    [{ [TRACE_CLOCK_METADATA]: '5' }],
  ])('takes metadata that is no plain value for absent: %j', async (metadata) => {
    await put(key, 'x', metadata);
    const stored = await open();
    stored.close();
    expect(stored).toMatchObject({ build: null, clockOffsetSeconds: null });
  });
});

describe('an answer of S3 that lacks what a trace cannot be analysed without', () => {
  it.each(['ETag', 'ContentLength', 'LastModified'])(
    'such as its %s is an error that names it',
    async (field) => {
      const key = traceKey({ service: 's', incident: 'i', node: 'n', name: 'lacking' });
      await put(key, 'x');
      const clients = createClients({
        region: EMBEDDED_REGION,
        credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
        endpoints: { objects: aws.objectsUrl, items: aws.itemsUrl },
      });
      clients.s3.middlewareStack.add(
        (next) => async (args) => {
          const answer = await next(args);
          return { ...answer, output: { ...answer.output, [field]: undefined } };
        },
        { step: 'initialize', name: 'lack' },
      );
      const source = createTraceSource(clients.s3);
      await expect(source.open({ bucket: TRACES_BUCKET, key }, new AbortController().signal)).rejects.toThrow(
        `without a usable ${field}`,
      );
      destroyClients(clients);
    },
  );
});

describe('the signature source', () => {
  let packed: Buffer;
  beforeAll(async () => {
    packed = await readFile(EXAMPLE);
  });

  it('takes the set of the trace’s own build', async () => {
    await put(signaturesKey('exact', '1.0'), packed);
    await put(signaturesKey('exact', '2.0'), packed);
    const source = createSignatureSource(aws.clients.s3, TRACES_BUCKET);
    expect(await source.choose('exact', '1.0')).toMatchObject({ build: '1.0', exact: true });
  });

  it('takes the newest one where the build has none, and says that it is not exact', async () => {
    await put(signaturesKey('newest', '9.9'), packed);
    // S3 keeps whole seconds.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await put(signaturesKey('newest', '1.0'), packed);
    const source = createSignatureSource(aws.clients.s3, TRACES_BUCKET);
    for (const build of ['3.0', null])
      expect(await source.choose('newest', build)).toMatchObject({ build: '1.0', exact: false });
  });

  it('has none for a service that published none, nor for one whose name begins alike', async () => {
    await put(signaturesKey('shop-admin', '1.0'), packed);
    expect(await createSignatureSource(aws.clients.s3, TRACES_BUCKET).choose('shop', '1.0')).toBeNull();
  });

  it('downloads a set once, and again only when its content has changed', async () => {
    await put(signaturesKey('cached', '1.0'), packed);
    const clients = createClients({
      region: EMBEDDED_REGION,
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      endpoints: { objects: aws.objectsUrl, items: aws.itemsUrl },
    });
    const sent = counted(clients.s3);
    const downloads = () => sent.filter((name) => name === 'GetObjectCommand').length;
    const source = createSignatureSource(clients.s3, TRACES_BUCKET);
    const first = await source.choose('cached', '1.0');
    const second = await source.choose('cached', '1.0');
    expect(second?.set).toBe(first?.set);
    expect(downloads()).toBe(1);
    await put(signaturesKey('cached', '1.0'), gzipSync(gunzipSync(packed), { level: 1 }));
    await source.choose('cached', '1.0');
    expect(downloads()).toBe(2);
    destroyClients(clients);
  });

  it.each([['no gzip'], [gzipSync('{"schema":"other"}')], [packedNothing()]])(
    'refuses what is no set',
    async (body) => {
      await put(signaturesKey('broken', '1.0'), body);
      await expect(
        createSignatureSource(aws.clients.s3, TRACES_BUCKET).choose('broken', '1.0'),
      ).rejects.toThrow(SignatureError);
    },
  );
});

function packedNothing(): Buffer {
  return gzipSync('');
}

describe('what the incidents table gives back', () => {
  const store = createStore;
  let count = 0;
  let id: { service: string; incident: string };
  beforeEach(() => {
    count += 1;
    id = { service: 's', incident: `read-${count}` };
  });

  function nodeReport(node: string): NodeReport {
    return {
      ...id,
      node,
      report: `of-${node}`,
      outcome: 'complete',
      verdict: 'spin',
      confidence: 'high',
      summary: 'It spins.',
      build: null,
      onsetUnixSeconds: null,
      onsetBeforeEndSeconds: 30,
      onsetBeforeWindow: false,
      suspects: [],
      narrowing: { suspects: 0, functions: 7 },
      path: [],
      warnings: [],
      trace: { bucket: 'b', key: 'k', etag: 'e' },
      reportKey: null,
      pageKey: null,
      tracedAt: '2026-11-23T02:15:00.000Z',
    };
  }

  /** Puts something of its own into the table, as another version of the function or a person would. */
  function putRaw(kind: string, attributes: Record<string, AttributeValue>) {
    const key = { incident: { S: formatIncidentId(id) }, kind: { S: kind } };
    return aws.clients.dynamodb.send(
      new PutItemCommand({ TableName: INCIDENTS_TABLE, Item: { ...key, ...attributes } }),
    );
  }

  it('is what was stored: reports, alarm and nothing else', async () => {
    const alarm = { name: 'p99', reason: 'slow', at: '2026-11-23T02:15:00.000Z', instances: [] };
    await store().open(id, alarm);
    await store().saveReport(nodeReport('web-1'), { replace: false });
    expect(await store().read(id)).toEqual({
      id,
      alarm,
      foundAt: null,
      steps: { ship: OPEN, first: OPEN, final: OPEN },
      reports: [nodeReport('web-1')],
      unreadable: [],
    });
  });

  const written = () => JSON.parse(writeStoredReport(nodeReport('web-2'))) as Record<string, unknown>;
  it.each<[string, () => string | undefined, RegExp]>([
    ['of an older version', () => JSON.stringify({ ...written(), schema: 'perfscope.node-report/0' }), /\/0/],
    ['with a missing field', () => JSON.stringify({ ...written(), suspects: undefined }), /suspects/],
    ['with an unknown verdict', () => JSON.stringify({ ...written(), verdict: 'puzzled' }), /verdict/],
    ['that is no JSON', () => '{"schema":', /no JSON/],
    ['without a document', () => undefined, /no document/],
  ])(
    'with an item %s is told of beside the others, and does not stop them',
    async (_what, document, problem) => {
      await store().saveReport(nodeReport('web-1'), { replace: false });
      const text = document();
      await putRaw('node#web-2#of-web-2', {
        outcome: { S: 'complete' },
        ...(text === undefined ? {} : { document: { S: text } }),
      });
      const { reports, unreadable } = await store().read(id);
      expect(reports).toEqual([nodeReport('web-1')]);
      expect(unreadable).toEqual([
        { key: 'node#web-2#of-web-2', node: 'web-2', problem: expect.stringMatching(problem) },
      ]);
      expect(await store().findReport(id, 'web-2', 'of-web-2')).toEqual({
        kind: 'unreadable',
        item: unreadable[0],
      });

      expect(await store().saveReport(nodeReport('web-2'), { replace: true })).toBe(true);
      expect(await store().findReport(id, 'web-2', 'of-web-2')).toEqual({
        kind: 'report',
        report: nodeReport('web-2'),
      });
    },
  );

  it('may be from before documents had versions: the report and the alarm are what they were', async () => {
    const alarm = { name: 'p99', reason: 'slow', at: '2026-11-23T02:15:00.000Z', instances: [] };
    await putRaw('head', { alarm: { S: JSON.stringify(alarm) } });
    await putRaw('node#web-2#of-web-2', { document: { S: JSON.stringify(nodeReport('web-2')) } });
    expect(await store().read(id)).toMatchObject({ alarm, reports: [nodeReport('web-2')], unreadable: [] });
    expect(await store().findReport(id, 'web-2', 'of-web-2')).toMatchObject({ kind: 'report' });
  });

  it('with an item of no known kind is told of too', async () => {
    await putRaw('remark', { text: { S: 'look at this one' } });
    expect((await store().read(id)).unreadable).toEqual([
      { key: 'remark', node: null, problem: expect.any(String) },
    ]);
  });

  it('without a readable alarm has none, and keeps its steps', async () => {
    await putRaw('head', { alarm: { S: '{"name":"p99"}' }, firstState: { S: 'done' } });
    const { alarm, steps, unreadable } = await store().read(id);
    expect(alarm).toBeNull();
    expect(steps.first.state).toBe('done');
    expect(unreadable).toEqual([{ key: 'head', node: null, problem: expect.stringMatching(/^alarm: /) }]);
  });

  it.each<[string, Record<string, AttributeValue>]>([
    ['a state that is none', { firstState: { S: 'paused' } }],
    ['a claim until no number', { firstState: { S: 'claimed' }, firstUntil: { S: 'tomorrow' } }],
  ])('with %s has a step that nobody can claim and that counts as done', async (_what, attributes) => {
    await putRaw('head', attributes);
    const { steps, unreadable } = await store().read(id);
    expect(steps.first.state).toBe('done');
    expect(unreadable).toMatchObject([{ key: 'head', problem: expect.stringMatching(/^first: /) }]);
    const late = { token: 't', now: 1e12, until: 1e12 + 1, reports: 1 };
    expect(await store().claim(id, 'first', late)).toBe(false);
  });

  it('with a time that is none counts as settled', async () => {
    await putRaw('head', { foundAt: { S: 'yesterday' } });
    expect(await store().read(id)).toMatchObject({ foundAt: 0, unreadable: [{ key: 'head' }] });
  });

  it('may hold a number that JavaScript cannot hold exactly', async () => {
    const beyond = '90071992547409931';
    await putRaw('head', { foundAt: { N: beyond } });
    expect(await store().read(id)).toMatchObject({ foundAt: Number(beyond), unreadable: [] });
  });
});

describe('a step', () => {
  let count = 0;
  let id: { service: string; incident: string };
  beforeEach(() => {
    count += 1;
    id = { service: 's', incident: `steps-${count}` };
  });
  const store = createStore;
  const claim = (token: string, now: number) =>
    store().claim(id, 'first', { token, now, until: now + 60, reports: 1 });

  it('is claimed by one of ten that try at once', async () => {
    const won = await Promise.all(Array.from({ length: 10 }, (_, index) => claim(`t${index}`, 0)));
    expect(won.filter(Boolean)).toHaveLength(1);
  });

  it('may be claimed again with the same token: the answer to the first try was lost', async () => {
    expect([await claim('a', 0), await claim('a', 1)]).toEqual([true, true]);
  });

  it('is free for others when its claim has run out, and not a moment before', async () => {
    await claim('a', 0);
    expect(await claim('b', 60)).toBe(false);
    expect(await claim('b', 61)).toBe(true);
  });

  it('that is done is claimed by nobody, whatever the time', async () => {
    await claim('a', 0);
    await store().markDone(id, 'first', 'message-1');
    expect(await claim('a', 1e12)).toBe(false);
    expect((await store().read(id)).steps.first).toMatchObject({ state: 'done', outcome: 'message-1' });
  });

  it('that ends early is free at once, but only its holder may end it', async () => {
    await claim('a', 0);
    await store().shorten(id, 'first', { token: 'b', until: 0 });
    expect(await claim('b', 30)).toBe(false);
    await store().shorten(id, 'first', { token: 'a', until: 0 });
    expect(await claim('b', 30)).toBe(true);
  });
});

describe('the notifier', () => {
  const notification = { subject: 's', body: 'b', attributes: { service: 'x' } };

  it('publishes with its attributes', async () => {
    const messageId = await createNotifier(aws.clients.sns, aws.topicArn).publish(notification);
    const { Messages: messages = [] } = await aws.clients.sqs.send(
      new ReceiveMessageCommand({ QueueUrl: aws.mailboxQueueUrl, WaitTimeSeconds: 1 }),
    );
    const envelope = JSON.parse(messages[0]?.Body ?? '{}') as {
      MessageId: string;
      MessageAttributes: object;
    };
    expect(envelope.MessageId).toBe(messageId);
    expect(envelope.MessageAttributes).toEqual({ service: { Type: 'String', Value: 'x' } });
  });

  it('refuses a topic that is not there: nothing was sent', async () => {
    const notifier = createNotifier(aws.clients.sns, `${aws.topicArn}-missing`);
    await expect(notifier.publish(notification)).rejects.toThrow(NotificationRefused);
  });

  it('does not know whether a message was sent whose answer never came, and does not send it twice', async () => {
    const clients = createClients({
      region: EMBEDDED_REGION,
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      endpoints: { objects: aws.objectsUrl, items: aws.itemsUrl },
    });
    let published = 0;
    clients.sns.middlewareStack.add(
      (next, context) => async (args) => {
        await next(args);
        if (context.commandName === PublishCommand.name) published += 1;
        throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
      },
      { step: 'finalizeRequest', priority: 'low', name: 'lose' },
    );
    await expect(createNotifier(clients.sns, aws.topicArn).publish(notification)).rejects.toThrow(
      NotificationUncertain,
    );
    expect(published).toBe(1);
    destroyClients(clients);
  });

  it('tries a second time, and not a third, when no connection came about', async () => {
    const clients = createClients({
      region: EMBEDDED_REGION,
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      endpoints: { objects: 'http://127.0.0.1:1', items: aws.itemsUrl },
    });
    let tries = 0;
    clients.sns.middlewareStack.add(
      (next) => (args) => {
        tries += 1;
        return next(args);
      },
      { step: 'finalizeRequest', priority: 'low', name: 'count' },
    );
    await expect(createNotifier(clients.sns, aws.topicArn).publish(notification)).rejects.toThrow(
      NotificationRefused,
    );
    expect(tries).toBe(2);
    destroyClients(clients);
  });
});

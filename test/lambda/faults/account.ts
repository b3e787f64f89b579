/**
 * An AWS account around the function: S3, SNS, SQS and DynamoDB by fauxqs and dynalite, SSM by a small server, and
 * Lambda's own part by this file, as its documentation states it: an asynchronous event is tried three times, one and
 * two minutes apart; a queue's message comes until it is deleted. Only time is not real.
 */

import { randomUUID } from 'node:crypto';
import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import {
  objectCreatedEvent,
  queueEvent,
  type ReceivedMessage,
  receive,
  remove,
} from '../../../cli/demo/deliveries.ts';
import {
  EMBEDDED_REGION,
  type EmbeddedAws,
  REPORTS_BUCKET,
  startEmbeddedAws,
  TRACES_BUCKET,
} from '../../../cli/demo/embedded-aws.ts';
import { answerCaller, type BatchAnswer } from '../../../lambda/answer-caller.ts';
import { type Configuration, readConfiguration } from '../../../lambda/configuration.ts';
import { readEvent } from '../../../lambda/events/accepted.ts';
import type { IncidentId } from '../../../lambda/keys.ts';
import type { CountMetric } from '../../../lambda/metrics.ts';
import type { InferenceRunner, Observer, Ports, TraceReader } from '../../../lambda/ports.ts';
import { type Clients, createClients, destroyClients } from '../../../lambda/stores/clients.ts';
import { wirePorts } from '../../../lambda/wiring.ts';
import type { Report } from '../../../report/report.ts';
import { type SsmServer, startSsmServer } from '../ssm-server.ts';
import { type Injection, inject } from './fault.ts';

/** https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html */
const ATTEMPTS = 3;
/** Between two looks at what is due: longer than a claim. */
const ROUND_MILLISECONDS = 61_000;
/** More rounds than any incident needs: an incident that never comes to rest is a failure. */
const MOST_ROUNDS = 40;

const ALARM_NAME = 'checkout-p99';

export interface Mail {
  readonly subject: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface Account {
  readonly aws: EmbeddedAws;
  readonly ssm: SsmServer;
  readonly configuration: Configuration;
  readonly now: () => number;
  /** Mail of all incidents so far. */
  readonly mail: Mail[];
  /** Faults that a call has met so far. */
  readonly met: ReadonlySet<Injection>;
  /** What the function has counted so far. */
  readonly counts: ReadonlyMap<CountMetric, number>;
  /** Events that failed three times. */
  readonly deadLetters: unknown[];
  /** Hands an event to Lambda; the fault hits its first attempt only. */
  readonly deliver: (event: unknown, injection?: Injection) => void;
  /** Lambda's attempts that are due now, and the mail that they cause. */
  readonly round: () => Promise<void>;
  /** Lets everything happen that is due, until nothing is left to do. */
  readonly settle: () => Promise<void>;
  /** Reads the state with healthy clients. */
  readonly ports: Ports;
  readonly stop: () => Promise<void>;
}

interface AccountOptions {
  /** What inference gives for a trace, by its key; null for healthy. */
  readonly infer: (bytes: string) => Report;
}

function quietObserver(counts: Map<CountMetric, number>): Observer {
  return {
    info: () => undefined,
    warn: () => undefined,
    error: () => undefined,
    about: () => undefined,
    count: (name, value) => counts.set(name, (counts.get(name) ?? 0) + value),
    stage: (_name, run) => run(),
  };
}

export async function openAccount(options: AccountOptions): Promise<Account> {
  const aws = await startEmbeddedAws();
  const ssm = await startSsmServer();
  let now = Date.parse('2026-11-23T02:16:00Z');
  const configuration = readConfiguration({
    ...aws.environment,
    SHIP_DOCUMENT: 'PerfScopeShip',
    ALARM_SERVICES: JSON.stringify({ [ALARM_NAME]: 'checkout' }),
    // The queue keeps no message back: this account's clock decides when a round begins.
    FOLLOW_UP_SECONDS: '0',
  });
  const clientSettings = {
    region: EMBEDDED_REGION,
    credentials: { accessKeyId: 'embedded', secretAccessKey: 'embedded' },
    endpoints: { objects: aws.objectsUrl, items: aws.itemsUrl, nodes: ssm.url },
    maxAttempts: 1,
    // All run in this one process: a busy machine must not look like a fault of AWS.
    timeoutsMilliseconds: 0,
  };
  const wire = (clients: Clients): Ports => ({
    ...wirePorts(configuration, clients, quietObserver(counts), { now: () => now }),
    reader: textReader,
    inference: inferText(options.infer),
  });
  const met = new Set<Injection>();
  const counts = new Map<CountMetric, number>();
  const mail: Mail[] = [];
  const deadLetters: unknown[] = [];
  const pending: {
    readonly event: unknown;
    readonly attempt: number;
    readonly injection: Injection | null;
  }[] = [];
  const healthy = createClients(clientSettings);
  const free: Clients[] = [];

  async function attempt(event: unknown, injection: Injection | null): Promise<'done' | 'failed'> {
    // Clients are dear to make: a set is used again after a fault is taken out of it, unless its process was killed.
    const clients = free.pop() ?? createClients(clientSettings);
    const invocation = { token: randomUUID(), deadline: new AbortController().signal };
    const injected = injection === null ? null : inject(clients, injection);
    let alive = true;
    try {
      const answer = answerCaller(wire(clients), configuration, readEvent(event), invocation);
      const outcome = injected === null ? await answer : await Promise.race([answer, injected.killed]);
      if (outcome === 'killed') {
        alive = false;
        return 'failed';
      }
      const { batchItemFailures } = outcome as Partial<BatchAnswer>;
      return (batchItemFailures?.length ?? 0) > 0 ? 'failed' : 'done';
    } catch {
      return 'failed';
    } finally {
      if (injection !== null && injected?.met()) met.add(injection);
      injected?.remove();
      if (alive) free.push(clients);
    }
  }

  async function round(): Promise<void> {
    const due = pending.splice(0);
    await Promise.all(
      due.map(async (it) => {
        if ((await attempt(it.event, it.injection)) === 'done') return;
        if (it.attempt >= ATTEMPTS) deadLetters.push(it.event);
        else pending.push({ event: it.event, attempt: it.attempt + 1, injection: null });
      }),
    );
  }

  async function roundAndMail(): Promise<void> {
    await round();
    for (const message of await receiveAll(aws, aws.mailboxQueueUrl)) {
      mail.push(readMail(message));
      await remove(aws.clients.sqs, aws.mailboxQueueUrl, message);
    }
  }

  async function drainFollowUps(): Promise<void> {
    for (const message of await receiveAll(aws, aws.followUpsQueueUrl)) {
      if ((await attempt(queueEvent([message]), null)) === 'done')
        await remove(aws.clients.sqs, aws.followUpsQueueUrl, message);
    }
  }

  return {
    aws,
    ssm,
    configuration,
    now: () => now,
    mail,
    met,
    counts,
    deadLetters,
    deliver: (event, injection) => pending.push({ event, attempt: 1, injection: injection ?? null }),
    round: roundAndMail,
    async settle() {
      for (let rounds = 0; ; rounds += 1) {
        if (rounds > MOST_ROUNDS)
          throw new Error('the account does not come to rest: a follow-up repeats for ever');
        await roundAndMail();
        const waiting = await waitingMessages(aws, aws.followUpsQueueUrl);
        if (pending.length === 0 && waiting === 0) return;
        await drainFollowUps();
        now += ROUND_MILLISECONDS;
      }
    },
    ports: wire(healthy),
    async stop() {
      for (const clients of [healthy, ...free]) destroyClients(clients);
      await ssm.stop();
      await aws.stop();
    },
  };
}

/** The account's traces are texts that stand for themselves; readers have their own tests. */
const textReader: TraceReader = {
  async read(stored) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of stored.chunks) chunks.push(chunk);
    return {
      length: 0,
      callNames: [],
      threads: [],
      window: { endNs: 0 },
      text: Buffer.concat(chunks).toString('utf8'),
    } as never;
  },
};

function inferText(infer: (text: string) => Report): InferenceRunner {
  return { run: async (trace) => infer((trace as unknown as { readonly text: string }).text) };
}

async function receiveAll(aws: EmbeddedAws, queueUrl: string): Promise<ReceivedMessage[]> {
  const all: ReceivedMessage[] = [];
  for (;;) {
    const messages = await receive(aws.clients.sqs, queueUrl, 0);
    if (messages.length === 0) return all;
    all.push(...messages);
  }
}

async function waitingMessages(aws: EmbeddedAws, queueUrl: string): Promise<number> {
  const { Attributes: attributes = {} } = await aws.clients.sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl: queueUrl,
      AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
    }),
  );
  return Object.values(attributes).reduce((sum, count) => sum + Number(count), 0);
}

function readMail(message: ReceivedMessage): Mail {
  const envelope = JSON.parse(message.body) as {
    readonly Subject: string;
    readonly Message: string;
    readonly MessageAttributes: Record<string, { readonly Value: string }>;
  };
  return {
    subject: envelope.Subject,
    body: envelope.Message,
    attributes: Object.fromEntries(
      Object.entries(envelope.MessageAttributes).map(([name, { Value: value }]) => [name, value]),
    ),
  };
}

export function alarmEvent(at: string, instance?: string): unknown {
  const dimensions = instance === undefined ? {} : { InstanceId: instance };
  return {
    source: 'aws.cloudwatch',
    alarmArn: `arn:aws:cloudwatch:${EMBEDDED_REGION}:000000000000:alarm:${ALARM_NAME}`,
    accountId: '000000000000',
    time: at,
    region: EMBEDDED_REGION,
    alarmData: {
      alarmName: ALARM_NAME,
      state: {
        value: 'ALARM',
        reason: 'Threshold Crossed: p99 above 2 s',
        timestamp: at.replace('Z', '+0000'),
      },
      previousState: { value: 'OK', reason: 'fine', timestamp: at },
      configuration: { metrics: [{ id: 'm1', metricStat: { metric: { dimensions } } }] },
    },
  };
}

/** The incident that the alarm of that time opens. */
export function incidentAt(at: string): IncidentId {
  return { service: 'checkout', incident: `${ALARM_NAME}-${at.replace(/[-:]|\.\d+/g, '')}` };
}

export function traceEvent(key: string): unknown {
  return objectCreatedEvent({ bucket: TRACES_BUCKET, key }, EMBEDDED_REGION);
}

export { REPORTS_BUCKET, TRACES_BUCKET };

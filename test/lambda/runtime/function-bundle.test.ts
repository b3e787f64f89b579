import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { queueEvent, type ReceivedMessage, receive } from '../../../cli/demo/deliveries.ts';
import {
  type EmbeddedAws,
  REPORTS_BUCKET,
  startEmbeddedAws,
  TRACES_BUCKET,
} from '../../../cli/demo/embedded-aws.ts';
import { bundleFunction, HANDLER } from '../../../infra/function-bundle.ts';
import { type Environment, startEnvironment } from '../../../infra/local-runtime/runtime-api.ts';
import { readSettings } from '../../../infra/settings.ts';
import { signaturesKey, traceKey } from '../../../lambda/keys.ts';
import {
  COLD_START_METRIC,
  METRICS_NAMESPACE,
  METRICS_SERVICE,
  STAGE_METRICS,
  VERDICT_METRICS,
} from '../../../lambda/metrics.ts';
import { traceEvent } from '../faults/account.ts';

const EXAMPLE = new URL('../../../examples/lighttpd-scgi-write-spin/', import.meta.url);
const MEBIBYTE = 1024 * 1024;

const code = mkdtempSync(join(tmpdir(), 'perfscope-bundle-'));
const settings = readSettings({});
let aws: EmbeddedAws;
let bundle: ReadonlyMap<string, number>;

/** The environment that Lambda would start for the deployed function. */
function start(environment: Record<string, string> = {}): Promise<Environment> {
  return startEnvironment({
    code,
    handler: HANDLER,
    memoryMegabytes: settings.memoryMegabytes,
    timeoutSeconds: settings.timeoutSeconds,
    environment: { ...aws.environment, FOLLOW_UP_SECONDS: '0', ...environment },
  });
}

function linesOf(environment: Environment): Record<string, unknown>[] {
  const lines = environment.log().trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

interface EmbeddedMetrics {
  readonly _aws?: {
    readonly CloudWatchMetrics: readonly {
      readonly Namespace: string;
      readonly Dimensions: readonly (readonly string[])[];
      readonly Metrics: readonly { readonly Name: string }[];
    }[];
  };
}

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html */
function metricsOf(line: Record<string, unknown>) {
  const { _aws: metadata } = line as EmbeddedMetrics;
  return (metadata?.CloudWatchMetrics ?? []).flatMap((directive) =>
    directive.Metrics.map(({ Name: name }) => ({
      name,
      namespace: directive.Namespace,
      dimensions: Object.fromEntries(directive.Dimensions.flat().map((key) => [key, line[key]])),
    })),
  );
}

async function upload(incident: string): Promise<unknown> {
  const key = traceKey({ service: 'lighttpd', incident, node: 'web-7', name: 'production.perf-script.gz' });
  const body = await readFile(new URL('production.perf-script.gz', EXAMPLE));
  await aws.clients.s3.send(new PutObjectCommand({ Bucket: TRACES_BUCKET, Key: key, Body: body }));
  return traceEvent(key);
}

async function mailOf(incident: string): Promise<ReceivedMessage[]> {
  const messages: ReceivedMessage[] = [];
  for (;;) {
    const some = await receive(aws.clients.sqs, aws.mailboxQueueUrl, 0);
    if (some.length === 0) return messages;
    messages.push(...some.filter(({ body }) => body.includes(incident)));
  }
}

beforeAll(async () => {
  bundle = bundleFunction(code);
  aws = await startEmbeddedAws();
  await aws.clients.s3.send(
    new PutObjectCommand({
      Bucket: TRACES_BUCKET,
      Key: signaturesKey('lighttpd', '1.4.24-dev'),
      Body: await readFile(new URL('signatures.json.gz', EXAMPLE)),
    }),
  );
});
afterAll(async () => {
  await aws.stop();
  rmSync(code, { recursive: true, force: true });
});

describe('the bundle that is deployed', () => {
  it('is at most 2 MB', () => {
    const bytes = [...bundle.values()].reduce((sum, size) => sum + size, 0);
    expect([...bundle.keys()].sort()).toEqual(['handler.mjs', 'inference-worker.mjs']);
    expect(bytes).toBeLessThanOrEqual(2 * MEBIBYTE);
  });

  it('names the function of a real trace, cold and then warm, within its memory', async () => {
    const environment = await start();
    try {
      const cold = await environment.invoke(await upload('cold'));
      expect(cold).toMatchObject({
        kind: 'answer',
        payload: {
          ok: true,
          status: 'new',
          verdict: 'spin',
          suspects: expect.arrayContaining(['scgi_write_request']),
        },
      });
      const warm = await environment.invoke(await upload('warm'));
      expect(warm).toMatchObject({ kind: 'answer', payload: { status: 'new', verdict: 'spin' } });
      expect(await environment.peakMemoryMebibytes()).toBeLessThan(settings.memoryMegabytes);
    } finally {
      await environment.stop();
    }
    expect(await mailOf('cold')).toHaveLength(1);
  });

  it('logs JSON lines with service, incident and node, and metrics of every stage', async () => {
    const environment = await start();
    let lines: Record<string, unknown>[];
    try {
      await environment.invoke(await upload('logged'));
      lines = linesOf(environment);
    } finally {
      await environment.stop();
    }
    expect(lines).toContainEqual(
      expect.objectContaining({
        message: 'step done',
        tracedService: 'lighttpd',
        incident: 'logged',
        node: 'web-7',
      }),
    );
    const counted = lines.flatMap(metricsOf);
    const names = counted.map(({ name }) => name);
    expect(names.sort()).toEqual(
      [
        COLD_START_METRIC,
        ...['Events', 'SystemCalls', 'LostEvents', 'Suspects'],
        VERDICT_METRICS.spin,
        ...(['open', 'signatures', 'read', 'infer', 'save', 'first'] as const).map((it) => STAGE_METRICS[it]),
      ].sort(),
    );
    for (const { namespace, dimensions } of counted)
      expect({ namespace, ...dimensions }).toMatchObject({
        namespace: METRICS_NAMESPACE,
        service: METRICS_SERVICE,
      });
  });

  it('says which stage failed, and why', async () => {
    const key = traceKey({ service: 'lighttpd', incident: 'no-trace', node: 'web-7', name: 'trace' });
    await aws.clients.s3.send(new PutObjectCommand({ Bucket: TRACES_BUCKET, Key: key, Body: 'no trace' }));
    const environment = await start();
    try {
      expect(await environment.invoke(traceEvent(key))).toMatchObject({
        kind: 'error',
        error: { errorType: 'TraceError' },
      });
      expect(linesOf(environment)).toContainEqual(
        expect.objectContaining({
          message: 'a stage failed',
          stage: 'read',
          incident: 'no-trace',
          error: expect.objectContaining({ name: 'TraceError' }),
        }),
      );
    } finally {
      await environment.stop();
    }
  });

  it('answers help and unknown events with the accepted shapes', async () => {
    const environment = await start();
    try {
      expect(await environment.invoke({ help: true })).toMatchObject({
        payload: { ok: true, accepts: expect.any(Array) },
      });
      expect(await environment.invoke({ tarce: 's3://a/b' })).toMatchObject({
        payload: { ok: false, problem: expect.stringContaining('tarce') },
      });
    } finally {
      await environment.stop();
    }
  });

  it('does not start with an environment that lacks something, and says what', async () => {
    await expect(start({ REPORTS_BUCKET: '' })).rejects.toThrow(/REPORTS_BUCKET/);
  });
});

describe('a process killed with SIGKILL in the middle', () => {
  it('leaves one report, and one notification or a follow-up that will send it, after the event comes again, wherever it was', async () => {
    // From the start of the invocation to after its end: reading, inferring, saving, notifying.
    for (const [index, milliseconds] of [300, 900, 1500, 2500].entries()) {
      const incident = `killed-${index}`;
      const event = await upload(incident);
      const victim = await start();
      const outcome = victim.invoke(event);
      const timer = setTimeout(() => victim.process.kill('SIGKILL'), milliseconds);
      await outcome;
      clearTimeout(timer);
      await victim.stop();

      const survivor = await start();
      try {
        // The receipt of a message that the victim may have sent arrives first, as it does within seconds on AWS.
        const receipts = await receive(aws.clients.sqs, aws.followUpsQueueUrl, 0);
        if (receipts.length > 0) await survivor.invoke(queueEvent(receipts));
        await survivor.invoke(event);
      } finally {
        await survivor.stop();
      }
      const { Contents: objects = [] } = await aws.clients.s3.send(
        new ListObjectsV2Command({ Bucket: REPORTS_BUCKET, Prefix: `reports/lighttpd/${incident}/` }),
      );
      expect(objects).toHaveLength(2);
      // A victim that died between claim and publish leaves the message to a follow-up, after the claim has run out.
      const mail = await mailOf(incident);
      const followUps = await receive(aws.clients.sqs, aws.followUpsQueueUrl, 0);
      expect(mail.length).toBeLessThanOrEqual(1);
      expect(mail.length + followUps.length).toBeGreaterThan(0);
    }
  });
});

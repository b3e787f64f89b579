/**
 * The product as a whole, nothing in it simulated but AWS itself: this kernel records a real redis-server, an alarm
 * invokes the function's handler, SSM's order is carried out by the shell as the deployed document says, the trace goes
 * to S3, S3's event invokes the handler again, and the on-call engineer has mail.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QueryCommand } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Handler,
  invocationContext,
  loadHandler,
  objectCreatedEvent,
  receive,
  remove,
} from '../cli/demo/deliveries.ts';
import {
  EMBEDDED_REGION,
  type EmbeddedAws,
  INCIDENTS_TABLE,
  REPORTS_BUCKET,
  type StoredObject,
  startEmbeddedAws,
  TRACES_BUCKET,
} from '../cli/demo/embedded-aws.ts';
import { readSettings } from '../infra/settings.ts';
import { PerfScopeStack } from '../infra/stack.ts';
import type { Report } from '../report/report.ts';
import { BUILD_METADATA, TRACE_CLOCK_METADATA, UNIX_CLOCK_METADATA } from '../trace/object-metadata.ts';
import { perfscope } from './cli/run-perfscope.ts';
import { type SsmServer, startSsmServer } from './lambda/ssm-server.ts';
import {
  ended,
  missingForRecording,
  type NodeUnderTest,
  nodeUnderTest,
  redisServer,
  type Server,
  stopped,
} from './shipper/node-under-test.ts';

const missing = missingForRecording();
const SERVICE = `redis-${process.pid}`;
const ALARM = 'redis-p99=high';
const ALARM_ARN = `arn:aws:cloudwatch:${EMBEDDED_REGION}:000000000000:alarm:${ALARM}`;
const INSTANCE = 'i-0abc12345678def90';
const BUILD = '7.0.15';

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** What the deployed document has a node's shell run. */
function documentCommand(scratch: string): string {
  const code = join(scratch, 'code');
  mkdirSync(code);
  writeFileSync(join(code, 'handler.mjs'), 'export const handler = async () => ({});\n');
  const stack = new PerfScopeStack(new App(), 'Test', { settings: readSettings({}), code });
  const [document] = Object.values(Template.fromStack(stack).findResources('AWS::SSM::Document'));
  return document?.Properties.Content.mainSteps[0].inputs.runCommand[0] as string;
}

/** An alarm's Lambda action as CloudWatch sends it, in alarm since now. */
function alarmEvent(): unknown {
  const timestamp = new Date().toISOString().replace('Z', '+0000');
  const event = JSON.parse(
    readFileSync(
      new URL('../lambda/events/examples/alarm-metric-one-instance.json', import.meta.url),
      'utf8',
    ),
  ) as { alarmData: { state: object } };
  const state = { ...event.alarmData.state, value: 'ALARM', timestamp };
  return { ...event, alarmArn: ALARM_ARN, alarmData: { ...event.alarmData, alarmName: ALARM, state } };
}

describe.skipIf(missing !== null)(
  `from an alarm to the notification${missing === null ? '' : ` (skipped: ${missing})`}`,
  () => {
    const scratch = mkdtempSync(join(tmpdir(), 'perfscope-e2e-'));
    const stored: StoredObject[] = [];
    let aws: EmbeddedAws;
    let ssm: SsmServer;
    let handler: Handler;
    let command: string;
    let redis: Server;
    let node: NodeUnderTest;
    let clients: ChildProcess | null = null;

    const redisCli = (...args: string[]) =>
      spawn('redis-cli', ['-p', String(redis.port), ...args], { stdio: 'ignore' });

    beforeAll(async () => {
      aws = await startEmbeddedAws({ onObjectCreated: (object) => stored.push(object) });
      ssm = await startSsmServer();
      command = documentCommand(scratch);
      handler = await loadHandler({
        ...aws.environment,
        AWS_ENDPOINT_URL_SSM: ssm.url,
        SHIP_DOCUMENT: 'perfscope-ship',
        ALARM_SERVICES: JSON.stringify({ [ALARM]: SERVICE }),
      });
    });

    afterAll(async () => {
      await Promise.all([aws.stop(), ssm.stop()]);
      rmSync(scratch, { recursive: true });
    });

    beforeEach(async () => {
      redis = await redisServer(undefined, ['--enable-debug-command', 'yes']);
      const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL_S3 } = aws.environment;
      node = nodeUnderTest({
        AWS_ACCESS_KEY_ID,
        AWS_SECRET_ACCESS_KEY,
        AWS_ENDPOINT_URL_S3,
        // As the SSM agent sets them: nothing else tells the node its region and its id.
        AWS_REGION: undefined,
        AWS_SSM_REGION_NAME: EMBEDDED_REGION,
        AWS_SSM_INSTANCE_ID: INSTANCE,
        PERFSCOPE_NODE: undefined,
      });
      // Under load from before the window's start: at most some 300 requests a second, until it is ended.
      clients = redisCli('-r', '-1', '-i', '0.003', 'INCR', 'counter');
      const arm = ['--service', SERVICE, '--pid', String(redis.pid), '--build', BUILD];
      const armed = await node.perfscope('record', ...arm, '--bucket', TRACES_BUCKET, '--measure', '0.2');
      expect(armed).toMatchObject({ code: 0 });
    });

    afterEach(async () => {
      if (clients !== null) await stopped(clients, 'SIGKILL');
      clients = null;
      await node.perfscope('disarm', '--service', SERVICE);
      await node.close();
      await redis.close();
    });

    const raiseAlarm = async () => {
      stored.length = 0;
      await handler(alarmEvent(), invocationContext(randomUUID()));
      const order = ssm.sent.at(-1)!;
      const incident = order.Parameters.incident[0];
      const parameters: Record<string, readonly string[]> = order.Parameters;
      const line = command
        .replace('/usr/local/bin/perfscope', node.commandLine)
        .replace(/\{\{ (\w+) \}\}/g, (_, name: string) => parameters[name]?.[0] ?? '');
      const places = ` --spool '${node.directories.spool}' --state '${node.directories.state}'`;
      const shipped = await ended(spawn('sh', ['-c', line + places], { env: node.environment }));
      expect(shipped).toMatchObject({ code: 0, output: expect.stringContaining('sent: s3://') });
      expect(order.InstanceIds).toEqual([INSTANCE]);
      expect(stored).toHaveLength(1);
      return { incident, object: stored[0]! };
    };

    const analyse = async (object: StoredObject) => {
      const event = objectCreatedEvent(object, EMBEDDED_REGION);
      return (await handler(event, invocationContext(randomUUID()))) as { readonly verdict: string };
    };

    const mails = async () => {
      const messages = await receive(aws.clients.sqs, aws.mailboxQueueUrl, 1);
      for (const message of messages) await remove(aws.clients.sqs, aws.mailboxQueueUrl, message);
      return messages.map(({ body }) => JSON.parse(body) as { Subject: string; Message: string });
    };

    const reportOf = async (incident: string): Promise<Report> => {
      const { Items: items = [] } = await aws.clients.dynamodb.send(
        new QueryCommand({
          TableName: INCIDENTS_TABLE,
          KeyConditionExpression: 'incident = :incident',
          ExpressionAttributeValues: { ':incident': { S: `${SERVICE}/${incident}` } },
        }),
      );
      const document = items.find((item) => item.kind?.S?.startsWith(`node#${INSTANCE}#`))?.document?.S;
      const { reportKey } = JSON.parse(document ?? '{}') as { readonly reportKey: string };
      const object = await aws.clients.s3.send(
        new GetObjectCommand({ Bucket: REPORTS_BUCKET, Key: reportKey }),
      );
      return JSON.parse((await object.Body?.transformToString()) ?? '') as Report;
    };

    it('a server that hangs in an open call is a hang with its true onset, in the mail and on the command line', async () => {
      await pause(4_000);
      const hungAt = Date.now() / 1000;
      const sleeper = redisCli('DEBUG', 'SLEEP', '600');
      await pause(4_000);
      const { incident, object } = await raiseAlarm();
      expect(object.key).toBe(`traces/${SERVICE}/${incident}/${INSTANCE}/trace.dat.zst`);
      const head = await aws.clients.s3.send(
        new HeadObjectCommand({ Bucket: object.bucket, Key: object.key }),
      );
      expect(head.Metadata).toMatchObject({ [BUILD_METADATA]: BUILD });
      const { [TRACE_CLOCK_METADATA]: traceNs = '', [UNIX_CLOCK_METADATA]: unixNs = '' } =
        head.Metadata ?? {};

      expect(await analyse(object)).toMatchObject({ verdict: 'hang' });
      const report = await reportOf(incident);
      expect(report.window.format).toBe('trace.dat');
      expect(report.window.lost).toBe(0);
      // The server has been silent since: only the recorder knows how long the window goes on.
      expect(report.window.end - (report.onset ?? 0)).toBeGreaterThan(3);
      const onsetUnix = (report.onset ?? 0) + Number(BigInt(unixNs) - BigInt(traceNs)) / 1e9;
      expect(onsetUnix - hungAt).toBeGreaterThan(-0.5);
      expect(onsetUnix - hungAt).toBeLessThan(1);
      expect(report.warnings.join('\n')).toContain(`No signatures of ${SERVICE} are published`);
      expect(report.warnings.join('\n')).toContain('recording began only then');

      const [mail, ...others] = await mails();
      expect(others).toEqual([]);
      expect(mail?.Subject).toContain(`hang in ${SERVICE}`);
      expect(mail?.Message).toContain('clock_nanosleep');
      expect(mail?.Message).toContain(INSTANCE);

      const file = join(scratch, 'trace.dat.zst');
      const trace = await aws.clients.s3.send(
        new GetObjectCommand({ Bucket: object.bucket, Key: object.key }),
      );
      writeFileSync(file, (await trace.Body?.transformToByteArray()) ?? '');
      const { exitCode, stdout } = await perfscope(['infer', file, '--json', '-']);
      expect(exitCode).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ verdict: 'hang', onset: report.onset, path: report.path });
      // The server does not end before its sleep does.
      process.kill(redis.pid, 'SIGKILL');
      await stopped(sleeper);
    });

    it('a healthy server gets its report, and nobody gets mail', async () => {
      await pause(4_000);
      const { incident, object } = await raiseAlarm();
      expect(await analyse(object)).toMatchObject({ verdict: 'normal' });
      const report = await reportOf(incident);
      expect(report.verdict).toBe('normal');
      expect(report.window.calls).toBeGreaterThan(1_000);
      expect(await mails()).toEqual([]);
    });
  },
);

/** The function's environment, checked once at start: bad configuration fails the deployment, not the first alarm. */
import * as z from 'zod';
import { isKeyPart } from './keys.ts';

export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

const bucket = z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'an S3 bucket name');
const seconds = (fallback: number, most: number) =>
  z.coerce.number().int().min(0).max(most).default(fallback);
const queueUrl = z.url();

/** Longest delay of an SQS message: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html */
export const MAX_DELAY_SECONDS = 900;

const schema = z.object({
  AWS_REGION: z.string().min(1),
  TRACES_BUCKET: bucket,
  /** Bucket of the signature sets; by default they lie beside the traces under their own prefix. */
  SIGNATURES_BUCKET: bucket.optional(),
  REPORTS_BUCKET: bucket,
  INCIDENTS_TABLE: z.string().regex(/^[A-Za-z0-9_.-]{3,255}$/, 'a DynamoDB table name'),
  NOTIFICATIONS_TOPIC_ARN: z.string().startsWith('arn:'),
  FOLLOW_UPS_QUEUE_URL: queueUrl,
  /** SSM document that runs `perfscope ship`; without it alarms open incidents but ask no node. */
  SHIP_DOCUMENT: z.string().min(1).optional(),
  /** Tag whose value is the service a node belongs to. */
  NODE_TAG: z.string().min(1).max(128).default('perfscope:service'),
  /** JSON object: alarm ARN or name → service. */
  ALARM_SERVICES: z.string().default('{}'),
  RUNBOOK_URL: z.url({ protocol: /^https?$/ }).optional(),
  /** How long after the first finding the picture counts as settled, even if nodes are missing. */
  SETTLE_SECONDS: seconds(180, 3600),
  /** How long after a finding the function looks again. */
  FOLLOW_UP_SECONDS: seconds(60, MAX_DELAY_SECONDS),
  RETENTION_DAYS: z.coerce.number().int().min(1).max(3650).default(90),
});

const alarmServices = z.record(z.string().min(1), z.string().refine(isKeyPart, 'a service name'));

export interface Configuration {
  readonly region: string;
  readonly tracesBucket: string;
  readonly signaturesBucket: string;
  readonly reportsBucket: string;
  readonly incidentsTable: string;
  readonly topicArn: string;
  readonly followUpsQueueUrl: string;
  readonly shipDocument: string | null;
  readonly nodeTag: string;
  readonly alarmServices: ReadonlyMap<string, string>;
  readonly runbookUrl: string | null;
  readonly settleSeconds: number;
  readonly followUpSeconds: number;
  readonly retentionDays: number;
}

export function readConfiguration(environment: Readonly<Record<string, string | undefined>>): Configuration {
  const parsed = schema.safeParse(environment);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      (issue) =>
        `${issue.path.join('.')}: ${environment[String(issue.path[0])] === undefined ? 'is missing' : issue.message}`,
    );
    throw new ConfigurationError(
      `the function's environment is not usable: ${problems.join('; ')}. The CDK stack sets these: deploy it again`,
    );
  }
  const env = parsed.data;
  return {
    region: env.AWS_REGION,
    tracesBucket: env.TRACES_BUCKET,
    signaturesBucket: env.SIGNATURES_BUCKET ?? env.TRACES_BUCKET,
    reportsBucket: env.REPORTS_BUCKET,
    incidentsTable: env.INCIDENTS_TABLE,
    topicArn: env.NOTIFICATIONS_TOPIC_ARN,
    followUpsQueueUrl: env.FOLLOW_UPS_QUEUE_URL,
    shipDocument: env.SHIP_DOCUMENT ?? null,
    nodeTag: env.NODE_TAG,
    alarmServices: readAlarmServices(env.ALARM_SERVICES),
    runbookUrl: env.RUNBOOK_URL ?? null,
    settleSeconds: env.SETTLE_SECONDS,
    followUpSeconds: env.FOLLOW_UP_SECONDS,
    retentionDays: env.RETENTION_DAYS,
  };
}

function readAlarmServices(text: string): ReadonlyMap<string, string> {
  try {
    return new Map(Object.entries(alarmServices.parse(JSON.parse(text))));
  } catch (cause) {
    throw new ConfigurationError(
      'ALARM_SERVICES: expected a JSON object of alarm ARN or name → service, such as {"checkout-p99":"checkout"}',
      { cause },
    );
  }
}

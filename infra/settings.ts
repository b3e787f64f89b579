/** What a platform engineer decides: CDK context (`-c name=value`, or cdk.json) or the stack's own properties. */
import * as z from 'zod';
import { isKeyPart } from '../lambda/keys.ts';

export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

const service = z.string().refine(isKeyPart, 'a service name of A-Z a-z 0-9 . _ = -');

const schema = z.strictObject({
  /** Existing CloudWatch alarms by name or ARN, and the service that each watches. */
  alarms: z.record(z.string().min(1).max(400), service).default({}),
  /** SNS topics through which alarms come. */
  alarmTopics: z.array(z.string().regex(/^arn:[\w-]+:sns:[\w-]+:\d{12}:[\w-]+$/)).default([]),
  /** Who gets the notifications; each address must confirm its subscription. */
  emails: z.array(z.email()).default([]),
  /** Who gets told when PerfScope itself is unwell. */
  platformEmails: z.array(z.email()).default([]),
  /** Tag on instances whose value is their service. */
  nodeTag: z
    .string()
    .regex(/^[A-Za-z0-9:_./=+@-]{1,128}$/)
    .default('perfscope:service'),
  traceRetentionDays: z.number().int().min(1).max(365).default(14),
  reportRetentionDays: z.number().int().min(1).max(3650).default(90),
  logRetentionDays: z
    .union([z.literal(7), z.literal(14), z.literal(30), z.literal(90), z.literal(365)])
    .default(30),
  runbookUrl: z
    .url({ protocol: /^https?$/ })
    .nullable()
    .default(null),
  /** docs/operations.md tells how memory and time were measured. */
  memoryMegabytes: z.number().int().min(512).max(10_240).default(3008),
  timeoutSeconds: z.number().int().min(60).max(900).default(300),
  /** A ceiling for concurrent invocations; null leaves the account's. */
  concurrencyCeiling: z.number().int().min(2).nullable().default(null),
  settleSeconds: z.number().int().min(30).max(3600).default(180),
});

/** `arn:aws:cloudwatch:region:account:alarm:name` → `name`; a name stays. */
export function alarmName(nameOrArn: string): string {
  return /^arn:[^:]+:cloudwatch:[^:]*:[^:]*:alarm:(.+)$/.exec(nameOrArn)?.[1] ?? nameOrArn;
}

export type Settings = z.output<typeof schema>;
export type SettingsInput = z.input<typeof schema>;

/** Lambda's environment may have 4 KB in all: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const MAX_ALARMS_JSON = 3_000;

export function readSettings(input: unknown): Settings {
  const parsed = schema.safeParse(input);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      (issue) => `${issue.path.join('.') || 'settings'}: ${issue.message}`,
    );
    throw new SettingsError(
      `the settings are not usable: ${problems.join('; ')}. docs/operations.md lists them`,
    );
  }
  const size = JSON.stringify(parsed.data.alarms).length;
  if (size > MAX_ALARMS_JSON)
    throw new SettingsError(
      `alarms: expected at most ${MAX_ALARMS_JSON} characters of JSON (the function's environment holds them), found ${size}: shorten names, combine alarms into composite ones, or deploy a second stack`,
    );
  return parsed.data;
}

/**
 * A CloudWatch alarm's Lambda action (metric, metric-math or composite alarm).
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html
 */
import * as z from 'zod';
import type { AlarmCalm, AlarmFired } from './caller.ts';

const state = z.object({
  value: z.string(),
  reason: z.string().default(''),
  /** Such as 2023-08-04T12:36:15.490+0000. */
  timestamp: z.string(),
});

const metricQuery = z.object({
  metricStat: z
    .object({ metric: z.object({ dimensions: z.record(z.string(), z.string()).optional() }) })
    .optional(),
});

const schema = z.object({
  source: z.literal('aws.cloudwatch'),
  alarmArn: z.string().startsWith('arn:'),
  alarmData: z.object({
    alarmName: z.string().min(1),
    state,
    /** A composite alarm has `alarmRule` here and no metrics. */
    configuration: z.object({ metrics: z.array(metricQuery).optional() }).optional(),
  }),
});

export function readAlarm(event: unknown): AlarmFired | AlarmCalm | null {
  const parsed = schema.safeParse(event);
  if (!parsed.success) return null;
  const { alarmArn, alarmData } = parsed.data;
  const dimensions = (alarmData.configuration?.metrics ?? []).map(
    (query) => query.metricStat?.metric.dimensions,
  );
  return describeAlarm({
    alarmArn,
    alarmName: alarmData.alarmName,
    state: alarmData.state,
    instances: dimensions.map((dimension) => dimension?.InstanceId),
  });
}

/** Shared by both alarm shapes: only ALARM opens an incident. */
export function describeAlarm(alarm: {
  readonly alarmArn: string;
  readonly alarmName: string;
  readonly state: { readonly value: string; readonly reason: string; readonly timestamp: string };
  readonly instances: readonly (string | undefined)[];
}): AlarmFired | AlarmCalm | null {
  const { alarmArn, alarmName, state } = alarm;
  if (state.value !== 'ALARM') return { kind: 'alarm-calm', alarmName, state: state.value };
  const at = readStamp(state.timestamp);
  if (at === null) return null;
  const instances = [...new Set(alarm.instances)].filter(isInstanceId).sort();
  return { kind: 'alarm', alarmArn, alarmName, reason: state.reason, at, instances };
}

/** `+0000` is not ISO 8601's extended form, which ECMAScript's parser wants: put the colon in. */
function readStamp(stamp: string): string | null {
  const milliseconds = Date.parse(stamp.replace(/([+-]\d{2})(\d{2})$/, '$1:$2'));
  return Number.isNaN(milliseconds) ? null : new Date(milliseconds).toISOString();
}

function isInstanceId(text: string | undefined): text is string {
  return text !== undefined && /^m?i-[0-9a-f]{8,17}$/.test(text);
}

/**
 * The same alarm when it comes through an SNS topic: CloudWatch's older message with capitalised names, as a JSON
 * string in each record.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-notification-content.html
 */
import * as z from 'zod';
import { describeAlarm } from './alarm.ts';
import type { AlarmCalm, AlarmFired } from './caller.ts';

/** SNS delivers one record an invocation: https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html */
const envelope = z.object({
  Records: z
    .array(z.object({ EventSource: z.literal('aws:sns'), Sns: z.object({ Message: z.string() }) }))
    .length(1),
});

const dimension = z.object({ name: z.string(), value: z.string() });

const schema = z.object({
  AlarmName: z.string().min(1),
  AlarmArn: z.string().startsWith('arn:'),
  NewStateValue: z.string(),
  NewStateReason: z.string().default(''),
  StateChangeTime: z.string(),
  /** A composite alarm's message has no trigger. */
  Trigger: z
    .object({
      Dimensions: z.array(dimension).optional(),
      Metrics: z
        .array(
          z.object({
            MetricStat: z
              .object({ Metric: z.object({ Dimensions: z.array(dimension).optional() }) })
              .optional(),
          }),
        )
        .optional(),
    })
    .optional(),
});

export function readSnsAlarm(event: unknown): AlarmFired | AlarmCalm | null {
  const wrapped = envelope.safeParse(event);
  const message = wrapped.data?.Records[0]?.Sns.Message;
  if (message === undefined) return null;
  let body: unknown;
  try {
    body = JSON.parse(message);
  } catch {
    return null;
  }
  const parsed = schema.safeParse(body);
  if (!parsed.success) return null;
  const alarm = parsed.data;
  const dimensions = [
    ...(alarm.Trigger?.Dimensions ?? []),
    ...(alarm.Trigger?.Metrics ?? []).flatMap((metric) => metric.MetricStat?.Metric.Dimensions ?? []),
  ];
  return describeAlarm({
    alarmArn: alarm.AlarmArn,
    alarmName: alarm.AlarmName,
    state: {
      value: alarm.NewStateValue,
      reason: alarm.NewStateReason,
      timestamp: alarm.StateChangeTime,
    },
    instances: dimensions.filter(({ name }) => name === 'InstanceId').map(({ value }) => value),
  });
}

/**
 * The same alarm as EventBridge tells of it: this is how existing alarms are attached without being edited.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
 */
import * as z from 'zod';
import { describeAlarm } from './alarm.ts';
import type { AlarmCalm, AlarmFired } from './caller.ts';

const schema = z.object({
  source: z.literal('aws.cloudwatch'),
  'detail-type': z.literal('CloudWatch Alarm State Change'),
  resources: z.tuple([z.string().startsWith('arn:')], z.string()),
  detail: z.object({
    alarmName: z.string().min(1),
    state: z.object({ value: z.string(), reason: z.string().default(''), timestamp: z.string() }),
    configuration: z
      .object({
        metrics: z
          .array(
            z.object({
              metricStat: z
                .object({ metric: z.object({ dimensions: z.record(z.string(), z.string()).optional() }) })
                .optional(),
            }),
          )
          .optional(),
      })
      .optional(),
  }),
});

export function readAlarmStateChange(event: unknown): AlarmFired | AlarmCalm | null {
  const parsed = schema.safeParse(event);
  if (!parsed.success) return null;
  const { resources, detail } = parsed.data;
  return describeAlarm({
    alarmArn: resources[0],
    alarmName: detail.alarmName,
    state: detail.state,
    instances: (detail.configuration?.metrics ?? []).map(
      (query) => query.metricStat?.metric.dimensions?.InstanceId,
    ),
  });
}

/** Tells the callers apart by the shape of what they sent. */
import { readAdHoc } from './ad-hoc.ts';
import { readAlarm } from './alarm.ts';
import { readAlarmStateChange } from './alarm-state-change.ts';
import { readRecords } from './batch.ts';
import type { Caller } from './caller.ts';
import { originalEvent } from './failed-invocation.ts';
import { readFollowUp } from './follow-up.ts';
import { readObjectCreated } from './object-created.ts';
import { readReceipt } from './receipt.ts';
import { readSnsAlarm } from './sns-alarm.ts';

export function readEvent(event: unknown): Caller {
  const records = readRecords(event);
  if (records !== null)
    return {
      kind: 'batch',
      records: records.map(({ messageId, body }) => ({ messageId, caller: readSingle(body) })),
    };
  return readSingle(event);
}

function readSingle(event: unknown): Caller {
  const failed = originalEvent(event);
  if (failed !== undefined) return readOriginal(failed);
  return (
    readObjectCreated(event) ??
    readAlarm(event) ??
    readAlarmStateChange(event) ??
    readSnsAlarm(event) ??
    readFollowUp(event) ??
    readReceipt(event) ??
    readAdHoc(event) ?? { kind: 'unknown', fields: fieldsOf(event) }
  );
}

/** A dead letter holds one event; a batch inside it would be one record of our own queue, which has its own redrive. */
function readOriginal(event: unknown): Caller {
  return originalEvent(event) === undefined
    ? readSingle(event)
    : { kind: 'unknown', fields: fieldsOf(event) };
}

function fieldsOf(event: unknown): readonly string[] {
  return event !== null && typeof event === 'object' ? Object.keys(event).slice(0, 20).sort() : [];
}

interface AcceptedShape {
  readonly what: string;
  readonly event: unknown;
}

/** The answer to `{"help":true}` and to anything that is not understood. */
export const ACCEPTED_SHAPES: readonly AcceptedShape[] = [
  {
    what: 'analyse one trace by hand (add "service" where the key is not traces/<service>/<incident>/<node>/<name>)',
    event: { trace: 's3://my-traces/traces/checkout/checkout-p99-20261123T021500Z/i-0abc1234/trace.dat.zst' },
  },
  {
    what: 'run all traces of an incident again, for instance after publishing signatures',
    event: { incident: 'checkout/checkout-p99-20261123T021500Z' },
  },
  { what: 'show this text', event: { help: true } },
  {
    what: 'S3 "Object Created" from EventBridge, for keys under traces/',
    event: {
      source: 'aws.s3',
      'detail-type': 'Object Created',
      detail: {
        bucket: { name: 'my-traces' },
        object: {
          key: 'traces/checkout/checkout-p99-20261123T021500Z/i-0abc1234/trace.dat.zst',
          etag: '9b2cf535f27731c974343645a3985328',
        },
      },
    },
  },
  {
    what: 'a CloudWatch alarm as its Lambda action sends it (or the same alarm through EventBridge or an SNS topic)',
    event: {
      source: 'aws.cloudwatch',
      alarmArn: 'arn:aws:cloudwatch:eu-central-1:123456789012:alarm:checkout-p99',
      alarmData: {
        alarmName: 'checkout-p99',
        state: { value: 'ALARM', reason: 'Threshold Crossed', timestamp: '2026-11-23T02:15:00.000+0000' },
      },
    },
  },
];

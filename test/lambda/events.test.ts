import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ACCEPTED_SHAPES, readEvent } from '../../lambda/events/accepted.ts';
import { writeFollowUp } from '../../lambda/events/follow-up.ts';

const EXAMPLES = new URL('../../lambda/events/examples/', import.meta.url);

function example(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, EXAMPLES), 'utf8'));
}

const ARN = 'arn:aws:cloudwatch:eu-central-1:123456789012:alarm:';
const AT = '2026-11-23T02:15:00.490Z';

describe('each test event for the console', () => {
  const CALLERS: readonly [string, object][] = [
    ['object-created.json', { kind: 'trace-stored', bucket: 'my-traces' }],
    ['alarm-metric.json', { kind: 'alarm', alarmArn: `${ARN}checkout-p99`, at: AT, instances: [] }],
    ['alarm-metric-one-instance.json', { kind: 'alarm', instances: ['i-0abc12345678def90'] }],
    ['alarm-metric-math.json', { kind: 'alarm', alarmName: 'checkout-errors', instances: [] }],
    ['alarm-composite.json', { kind: 'alarm', alarmName: 'checkout-sick', instances: [] }],
    ['alarm-state-change.json', { kind: 'alarm', alarmArn: `${ARN}checkout-p99`, at: AT }],
    [
      'alarm-in-sns.json',
      { kind: 'alarm', alarmName: 'checkout-cpu', at: AT, instances: ['i-0abc12345678def90'] },
    ],
    ['ad-hoc-trace.json', { kind: 'ad-hoc-trace', bucket: 'my-traces', service: null }],
    ['ad-hoc-incident.json', { kind: 'ad-hoc-incident', service: 'checkout' }],
    ['help.json', { kind: 'help' }],
  ];

  it.each(CALLERS)('%s is understood', (name, caller) => {
    expect(readEvent(example(name))).toMatchObject(caller);
  });

  it('is among those tested', () => {
    expect(readdirSync(EXAMPLES).sort()).toEqual(CALLERS.map(([name]) => name).sort());
  });
});

it('the shapes that help shows are accepted themselves', () => {
  for (const { event } of ACCEPTED_SHAPES) expect(readEvent(event).kind).not.toBe('unknown');
});

describe('an alarm', () => {
  it('that is the same gives the same time by whichever way it comes', () => {
    const [action, eventBridge] = ['alarm-metric.json', 'alarm-state-change.json'].map((name) =>
      readEvent(example(name)),
    );
    expect(action).toEqual({ ...eventBridge, reason: expect.any(String) });
  });

  it.each(['OK', 'INSUFFICIENT_DATA'])('that goes to %s opens nothing', (value) => {
    const event = example('alarm-metric.json') as { alarmData: { state: { value: string } } };
    event.alarmData.state.value = value;
    expect(readEvent(event)).toEqual({ kind: 'alarm-calm', alarmName: 'checkout-p99', state: value });
  });

  it('cannot smuggle a made-up instance id', () => {
    const text = JSON.stringify(example('alarm-metric-one-instance.json')).replace(
      'i-0abc12345678def90',
      'i-0; rm -rf /',
    );
    expect(readEvent(JSON.parse(text))).toMatchObject({ kind: 'alarm', instances: [] });
  });

  it('without a readable time is not understood, rather than taken for now', () => {
    const text = JSON.stringify(example('alarm-metric.json')).replaceAll(
      '2026-11-23T02:15:00.490+0000',
      'yesterday',
    );
    expect(readEvent(JSON.parse(text)).kind).toBe('unknown');
  });
});

describe('a record of the follow-up queue', () => {
  const record = (body: string) => ({ Records: [{ eventSource: 'aws:sqs', messageId: 'm-1', body }] });
  const only = (body: string) => {
    const caller = readEvent(record(body));
    return caller.kind === 'batch' ? caller.records[0]?.caller : caller;
  };

  it('is a follow-up', () => {
    expect(only(writeFollowUp({ service: 'checkout', incident: 'p99' }))).toEqual({
      kind: 'follow-up',
      service: 'checkout',
      incident: 'p99',
    });
  });

  it('is the receipt of a notification', () => {
    const attribute = (Value: string) => ({ Type: 'String', Value });
    const envelope = {
      Type: 'Notification',
      MessageId: '22b80b92',
      Subject: 's',
      Message: 'b',
      MessageAttributes: {
        service: attribute('checkout'),
        incident: attribute('p99'),
        step: attribute('first'),
        verdict: attribute('spin'),
      },
    };
    expect(only(JSON.stringify(envelope))).toMatchObject({
      kind: 'receipt',
      step: 'first',
      messageId: '22b80b92',
    });
  });

  it('is a dead letter with the original event inside', () => {
    const letter = {
      version: '1.0',
      requestContext: { condition: 'RetriesExhausted', approximateInvokeCount: 3 },
      requestPayload: example('object-created.json'),
      responsePayload: { errorMessage: 'x' },
    };
    expect(only(JSON.stringify(letter))).toMatchObject({ kind: 'trace-stored', bucket: 'my-traces' });
  });

  it('that is none of these is told apart from the others in its batch', () => {
    expect(only('not even JSON')).toEqual({ kind: 'unknown', fields: [] });
  });
});

describe('anything else', () => {
  it.each([
    null,
    7,
    'text',
    [],
    {},
    { trace: 'no-address' },
    { trace: 's3://b/k', typo: 1 },
    { incident: 'checkout' },
  ])('is unknown: %j', (event) => expect(readEvent(event).kind).toBe('unknown'));
});

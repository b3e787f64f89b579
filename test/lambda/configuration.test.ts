import { describe, expect, it } from 'vitest';
import { ConfigurationError, MAX_DELAY_SECONDS, readConfiguration } from '../../lambda/configuration.ts';

const ENVIRONMENT = {
  AWS_REGION: 'eu-central-1',
  TRACES_BUCKET: 'my-traces',
  REPORTS_BUCKET: 'my-reports',
  INCIDENTS_TABLE: 'incidents',
  NOTIFICATIONS_TOPIC_ARN: 'arn:aws:sns:eu-central-1:123456789012:findings',
  FOLLOW_UPS_QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/123456789012/follow-ups',
};

describe('the function’s environment', () => {
  it('is enough with what the stack must give, and has defaults for the rest', () => {
    expect(readConfiguration(ENVIRONMENT)).toMatchObject({
      signaturesBucket: 'my-traces',
      shipDocument: null,
      nodeTag: 'perfscope:service',
      settleSeconds: 180,
      followUpSeconds: 60,
      runbookUrl: null,
    });
  });

  it.each(Object.keys(ENVIRONMENT))('without %s is refused, and the name is told', (name) => {
    const rest = Object.fromEntries(Object.entries(ENVIRONMENT).filter(([it]) => it !== name));
    expect(() => readConfiguration(rest)).toThrow(ConfigurationError);
    expect(() => readConfiguration(rest)).toThrow(`${name}: is missing`);
  });

  it.each([
    ['TRACES_BUCKET', 'Not_A_Bucket'],
    ['RUNBOOK_URL', 'javascript:alert(1)'],
    ['SETTLE_SECONDS', 'soon'],
    ['ALARM_SERVICES', '{"a":"not a service"}'],
    ['ALARM_SERVICES', 'checkout'],
  ])('with a bad %s is refused: %s', (name, value) => {
    expect(() => readConfiguration({ ...ENVIRONMENT, [name]: value })).toThrow(new RegExp(name));
  });

  it('may delay follow-ups as long as SQS can, and not a second longer', () => {
    const withDelay = (seconds: number) => ({ ...ENVIRONMENT, FOLLOW_UP_SECONDS: String(seconds) });
    expect(readConfiguration(withDelay(MAX_DELAY_SECONDS)).followUpSeconds).toBe(900);
    expect(() => readConfiguration(withDelay(MAX_DELAY_SECONDS + 1))).toThrow(/FOLLOW_UP_SECONDS/);
  });
});

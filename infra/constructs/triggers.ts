import { ArnFormat, Duration, Stack } from 'aws-cdk-lib';
import { Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Function as LambdaFn } from 'aws-cdk-lib/aws-lambda';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { LambdaSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { TRACES_PREFIX } from '../../lambda/keys.ts';

interface TriggersProps {
  readonly fn: LambdaFn;
  readonly traces: Bucket;
  readonly deadLetters: IQueue;
  /** Names of existing alarms. */
  readonly alarms: readonly string[];
  /** ARNs of existing topics. */
  readonly alarmTopics: readonly string[];
}

/** EventBridge accepts at most so many values per rule in practice: the pattern may have 2,048 characters. */
const ALARMS_PER_RULE = 20;

/** Who calls the function: stored traces, and alarms (through EventBridge, or by their own Lambda action). */
export class Triggers extends Construct {
  constructor(scope: Construct, id: string, props: TriggersProps) {
    super(scope, id);
    const target = () =>
      new LambdaFunction(props.fn, {
        deadLetterQueue: props.deadLetters,
        retryAttempts: 10,
        maxEventAge: Duration.hours(2),
        event: RuleTargetInput.fromEventPath('$'),
      });
    new Rule(this, 'TraceStored', {
      description: 'PerfScope: a node has stored a trace',
      eventPattern: {
        source: ['aws.s3'],
        detailType: ['Object Created'],
        detail: { bucket: { name: [props.traces.bucketName] }, object: { key: [{ prefix: TRACES_PREFIX }] } },
      },
      targets: [target()],
    });
    for (let first = 0; first < props.alarms.length; first += ALARMS_PER_RULE) {
      new Rule(this, `AlarmFired${first / ALARMS_PER_RULE}`, {
        description: 'PerfScope: an alarm went to ALARM',
        eventPattern: {
          source: ['aws.cloudwatch'],
          detailType: ['CloudWatch Alarm State Change'],
          detail: {
            alarmName: props.alarms.slice(first, first + ALARMS_PER_RULE),
            state: { value: ['ALARM'] },
          },
        },
        targets: [target()],
      });
    }
    for (const [index, arn] of props.alarmTopics.entries()) {
      Topic.fromTopicArn(this, `AlarmTopic${index}`, arn).addSubscription(
        new LambdaSubscription(props.fn, { deadLetterQueue: props.deadLetters }),
      );
    }
    for (const [index, name] of props.alarms.entries()) allowAlarm(this, props.fn, name, index);
  }
}

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html */
function allowAlarm(scope: Construct, fn: LambdaFn, alarmName: string, index: number): void {
  const stack = Stack.of(scope);
  fn.addPermission(`AlarmAction${index}`, {
    principal: new ServicePrincipal('lambda.alarms.cloudwatch.amazonaws.com'),
    action: 'lambda:InvokeFunction',
    sourceAccount: stack.account,
    sourceArn: stack.formatArn({
      service: 'cloudwatch',
      resource: 'alarm',
      resourceName: alarmName,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    }),
  });
}

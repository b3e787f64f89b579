import { Duration, Stack, Validations } from 'aws-cdk-lib';
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  ApplicationLogLevel,
  Architecture,
  Code,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
} from 'aws-cdk-lib/aws-lambda';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { REPORTS_PREFIX, SIGNATURES_PREFIX, TRACES_PREFIX } from '../../lambda/keys.ts';
import { HANDLER } from '../function-bundle.ts';
import type { Settings } from '../settings.ts';
import type { Nodes } from './nodes.ts';
import type { Queues } from './queues.ts';

interface InferFunctionProps {
  readonly settings: Settings;
  /** Directory of the bundle. */
  readonly code: string;
  readonly traces: Bucket;
  readonly reports: Bucket;
  readonly incidents: TableV2;
  readonly findings: Topic;
  readonly queues: Queues;
  readonly nodes: Nodes;
}

/** Events older than this are no longer worth an analysis; they go to the dead letters, not into nothing. */
const MAX_EVENT_AGE_HOURS = 2;

/** The function, and each right that it has, one statement a neighbour. */
export class InferFunction extends Construct {
  readonly fn: LambdaFunction;

  constructor(scope: Construct, id: string, props: InferFunctionProps) {
    super(scope, id);
    const { settings, queues, nodes } = props;
    const logGroup = new LogGroup(this, 'Logs', { retention: settings.logRetentionDays as RetentionDays });
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    logGroup.grantWrite(role);
    this.fn = new LambdaFunction(this, 'Function', {
      description:
        'PerfScope: reads the last system calls of a server and names the functions that most likely hold the bug',
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      code: Code.fromAsset(props.code),
      handler: HANDLER,
      role,
      memorySize: settings.memoryMegabytes,
      timeout: Duration.seconds(settings.timeoutSeconds),
      ...(settings.concurrencyCeiling === null
        ? {}
        : { reservedConcurrentExecutions: settings.concurrencyCeiling }),
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      applicationLogLevelV2: ApplicationLogLevel.INFO,
      retryAttempts: 2,
      maxEventAge: Duration.hours(MAX_EVENT_AGE_HOURS),
      onFailure: new SqsDestination(queues.deadLetters),
      environment: environment(props),
    });
    this.fn.addEventSource(
      new SqsEventSource(queues.followUps, { batchSize: 10, reportBatchItemFailures: true }),
    );
    for (const statement of [
      ...dataStatements(props),
      ...nodeStatements(Stack.of(this), nodes, settings.nodeTag),
    ])
      role.addToPolicy(statement);
    acknowledgeRights(this, role, props);
    Validations.of(this.fn).acknowledge(
      {
        id: 'Serverless::Serverless-LambdaDLQ',
        reason:
          'Failed events go to the same queue by the on-failure destination, which keeps the error beside the event.',
      },
      {
        id: 'Serverless::Serverless-LambdaTracing',
        reason:
          'Each stage is a metric and each failed stage a line in the log; X-Ray would add an SDK in maintenance mode and rights on every resource.',
      },
      {
        id: 'Serverless::Serverless-LambdaEventSourceMappingDestination',
        reason:
          "SQS sources take no destination: the queue's own redrive policy moves failed messages to the dead letters.",
      },
    );
  }
}

function environment(props: InferFunctionProps): Record<string, string> {
  const { settings } = props;
  return {
    TRACES_BUCKET: props.traces.bucketName,
    REPORTS_BUCKET: props.reports.bucketName,
    INCIDENTS_TABLE: props.incidents.tableName,
    NOTIFICATIONS_TOPIC_ARN: props.findings.topicArn,
    FOLLOW_UPS_QUEUE_URL: props.queues.followUps.queueUrl,
    SHIP_DOCUMENT: props.nodes.document.ref,
    NODE_TAG: settings.nodeTag,
    ALARM_SERVICES: JSON.stringify(settings.alarms),
    SETTLE_SECONDS: String(settings.settleSeconds),
    RETENTION_DAYS: String(settings.reportRetentionDays),
    ...(settings.runbookUrl === null ? {} : { RUNBOOK_URL: settings.runbookUrl }),
  };
}

function dataStatements({
  traces,
  reports,
  incidents,
  findings,
  queues,
}: InferFunctionProps): PolicyStatement[] {
  const readable = [TRACES_PREFIX, SIGNATURES_PREFIX];
  return [
    new PolicyStatement({
      sid: 'ReadTracesAndSignatures',
      actions: ['s3:GetObject'],
      resources: readable.map((prefix) => traces.arnForObjects(`${prefix}*`)),
    }),
    new PolicyStatement({
      sid: 'ListTracesAndSignatures',
      actions: ['s3:ListBucket'],
      resources: [traces.bucketArn],
      conditions: { StringLike: { 's3:prefix': readable.map((prefix) => `${prefix}*`) } },
    }),
    new PolicyStatement({
      sid: 'WriteReports',
      actions: ['s3:PutObject'],
      resources: [reports.arnForObjects(`${REPORTS_PREFIX}*`)],
    }),
    new PolicyStatement({
      sid: 'KeepIncidents',
      actions: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:Query'],
      resources: [incidents.tableArn],
    }),
    new PolicyStatement({ sid: 'Notify', actions: ['sns:Publish'], resources: [findings.topicArn] }),
    new PolicyStatement({
      sid: 'FollowUp',
      actions: ['sqs:SendMessage'],
      resources: [queues.followUps.queueArn],
    }),
  ];
}

/**
 * The document alone is not enough of a limit: SendCommand is also authorised for each instance, and only those that
 * carry the tag are allowed. https://docs.aws.amazon.com/systems-manager/latest/userguide/run-command-setting-up.html
 */
function nodeStatements(
  { partition, region, account }: Stack,
  nodes: Nodes,
  nodeTag: string,
): PolicyStatement[] {
  return [
    new PolicyStatement({
      sid: 'AskWithOneDocument',
      actions: ['ssm:SendCommand'],
      resources: [`arn:${partition}:ssm:${region}:${account}:document/${nodes.document.ref}`],
    }),
    new PolicyStatement({
      sid: 'AskTaggedNodes',
      actions: ['ssm:SendCommand'],
      resources: [
        `arn:${partition}:ec2:${region}:${account}:instance/*`,
        `arn:${partition}:ssm:${region}:${account}:managed-instance/*`,
      ],
      conditions: { StringLike: { [`ssm:resourceTag/${nodeTag}`]: '*' } },
    }),
    new PolicyStatement({
      sid: 'SeeWhoWasAsked',
      actions: ['ssm:ListCommands'],
      // No resource types exist for this action:
      // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html
      resources: ['*'],
    }),
  ];
}

function acknowledgeRights(scope: Construct, role: Role, { traces, reports }: InferFunctionProps): void {
  const stack = Stack.of(scope);
  const idOf = (bucket: Bucket) => stack.getLogicalId(bucket.node.defaultChild as never);
  const below = (bucket: Bucket, prefix: string) => ({
    id: `AwsSolutions::AwsSolutions-IAM5[Resource::<${idOf(bucket)}.Arn>/${prefix}*]`,
    reason: `Objects under ${prefix} have names that are not known before; the bucket and the prefix are fixed.`,
  });
  Validations.of(role).acknowledge(
    below(traces, TRACES_PREFIX),
    below(traces, SIGNATURES_PREFIX),
    below(reports, REPORTS_PREFIX),
    {
      id: 'AwsSolutions::AwsSolutions-IAM5[Resource::*]',
      reason: 'ssm:ListCommands has no resource types; nothing else uses the star.',
    },
    ...[
      'ec2:<AWS::Region>:<AWS::AccountId>:instance',
      'ssm:<AWS::Region>:<AWS::AccountId>:managed-instance',
    ].map((kind) => ({
      id: `AwsSolutions::AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:${kind}/*]`,
      reason: 'Instances come and go; a condition limits the command to those that carry the node tag.',
    })),
  );
}

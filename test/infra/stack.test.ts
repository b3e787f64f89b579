import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Validations } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { afterAll, describe, expect, it } from 'vitest';
import { readSettings, SettingsError, type SettingsInput } from '../../infra/settings.ts';
import { PerfScopeStack } from '../../infra/stack.ts';
import {
  COLD_START_METRIC,
  COUNT_METRICS,
  METRICS_NAMESPACE,
  METRICS_SERVICE,
  STAGE_METRICS,
  VERDICT_METRICS,
} from '../../lambda/metrics.ts';

const scratch = mkdtempSync(join(tmpdir(), 'perfscope-stack-'));
const code = join(scratch, 'code');
mkdirSync(code);
writeFileSync(join(code, 'handler.mjs'), 'export const handler = async () => ({});\n');
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const OPERATIONS = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');

const TOPIC = 'arn:aws:sns:eu-central-1:123456789012:alarms';
const ALARMS = { 'checkout-p99': 'checkout', 'search-errors': 'search' };

function makeStack(input: SettingsInput = {}, app = new App()): PerfScopeStack {
  return new PerfScopeStack(app, 'Test', { settings: readSettings(input), code });
}

function templateOf(input: SettingsInput = {}): Template {
  return Template.fromStack(makeStack(input));
}

interface Statement {
  readonly Sid?: string;
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}

/** All statements of policies that belong to the function's role. */
function functionStatements(template: Template): Statement[] {
  return Object.entries(template.findResources('AWS::IAM::Policy'))
    .filter(([id]) => id.startsWith('InferRole'))
    .flatMap(([, policy]) => policy.Properties.PolicyDocument.Statement as Statement[]);
}

function statement(template: Template, sid: string): Statement {
  const found = functionStatements(template).find((it) => it.Sid === sid);
  if (found === undefined) throw new Error(`no statement ${sid}`);
  return found;
}

/** A resource's ARN in the template, by the beginning of its logical id. */
function arnOf(logicalId: string) {
  return { 'Fn::GetAtt': [expect.stringMatching(new RegExp(`^${logicalId}`)), 'Arn'] };
}

interface Widget {
  readonly properties: { readonly metrics: readonly (readonly (string | object)[])[] };
}

/** A dashboard's body in the template: texts between references. */
function widgetsOf(parts: readonly unknown[]): readonly Widget[] {
  const body = parts.map((part) => (typeof part === 'string' ? part : '')).join('');
  return (JSON.parse(body) as { readonly widgets: readonly Widget[] }).widgets;
}

interface WatchedMetric {
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
}

/** The function's own metrics that alarms and the dashboard name; references to resources read as empty. */
function ownMetrics(template: Template): WatchedMetric[] {
  const alarms = Object.values(template.findResources('AWS::CloudWatch::Alarm')).map(
    ({ Properties: it }) => ({
      namespace: it.Namespace as string,
      name: it.MetricName as string,
      dimensions: Object.fromEntries(
        (it.Dimensions as { Name: string; Value: string }[]).map(({ Name, Value }) => [Name, Value]),
      ),
    }),
  );
  const shown = Object.values(template.findResources('AWS::CloudWatch::Dashboard'))
    .flatMap(({ Properties: { DashboardBody: body } }) => widgetsOf(body['Fn::Join'][1]))
    .flatMap(({ properties }) => properties.metrics)
    .map((metric) => {
      const [namespace = '', name = '', ...dimensions] = metric.filter((it) => typeof it === 'string');
      const pairs = dimensions.flatMap((key, at) => (at % 2 === 0 ? [[key, dimensions[at + 1] ?? '']] : []));
      return { namespace, name, dimensions: Object.fromEntries(pairs) as Record<string, string> };
    });
  return [...alarms, ...shown].filter(({ namespace }) => namespace === METRICS_NAMESPACE);
}

interface PluginReport {
  readonly pluginName: string;
  readonly violations: readonly { readonly ruleName: string }[];
  readonly suppressedViolations: readonly { readonly ruleName: string; readonly reason: string }[];
}

describe('cdk-nag', () => {
  const app = new App({ outdir: join(scratch, 'cdk.out') });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
  makeStack({ alarms: ALARMS, emails: ['oncall@example.com'], alarmTopics: [TOPIC] }, app);
  app.synth();
  const { pluginReports } = JSON.parse(
    readFileSync(join(scratch, 'cdk.out', 'validation-report.json'), 'utf8'),
  ) as { readonly pluginReports: readonly PluginReport[] };

  it.each(['AwsSolutions', 'Serverless'])('finds nothing with the %s pack', (pack) => {
    expect(pluginReports.find(({ pluginName }) => pluginName === pack)?.violations).toEqual([]);
  });

  it('meets only acknowledgements that give a reason', () => {
    const acknowledged = pluginReports.flatMap((report) => report.suppressedViolations);
    expect(acknowledged.map(({ ruleName }) => ruleName)).toContain('AwsSolutions-S1');
    for (const { reason } of acknowledged) expect(reason.length).toBeGreaterThan(40);
  });
});

describe('the function', () => {
  it('runs the bundle on Node 24, arm64, with its own log group', () => {
    templateOf().hasResourceProperties('AWS::Lambda::Function', {
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Handler: 'handler.handler',
      LoggingConfig: { LogFormat: 'JSON', LogGroup: Match.anyValue() },
    });
  });

  it('is the only function: nothing brings one of its own with further rights', () => {
    templateOf().resourceCountIs('AWS::Lambda::Function', 1);
  });

  it('has a ceiling for concurrency only where one is asked for', () => {
    templateOf().hasResourceProperties('AWS::Lambda::Function', {
      ReservedConcurrentExecutions: Match.absent(),
    });
    templateOf({ concurrencyCeiling: 7 }).hasResourceProperties('AWS::Lambda::Function', {
      ReservedConcurrentExecutions: 7,
    });
  });

  it('hands events that failed for good to the dead letters', () => {
    templateOf().hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      MaximumRetryAttempts: 2,
      DestinationConfig: {
        OnFailure: { Destination: { 'Fn::GetAtt': [Match.stringLikeRegexp('^QueuesDeadLetters'), 'Arn'] } },
      },
    });
  });

  it('reports single failed records of a batch', () => {
    templateOf().hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    });
  });
});

describe('the function may', () => {
  const template = templateOf();

  it('do these things and no others', () => {
    const roles = Object.entries(template.findResources('AWS::IAM::Role')).filter(([id]) => {
      return id.startsWith('InferRole');
    });
    expect(roles.map(([, { Properties }]) => [Properties.ManagedPolicyArns, Properties.Policies])).toEqual([
      [undefined, undefined],
    ]);
    const actions = functionStatements(template).flatMap(({ Action: action }) => action);
    expect([...new Set(actions)].sort()).toEqual([
      'dynamodb:GetItem',
      'dynamodb:PutItem',
      'dynamodb:Query',
      'dynamodb:UpdateItem',
      'logs:CreateLogStream',
      'logs:PutLogEvents',
      's3:GetObject',
      's3:ListBucket',
      's3:PutObject',
      'sns:Publish',
      'sqs:ChangeMessageVisibility',
      'sqs:DeleteMessage',
      'sqs:GetQueueAttributes',
      'sqs:GetQueueUrl',
      'sqs:ReceiveMessage',
      'sqs:SendMessage',
      'ssm:ListCommands',
      'ssm:SendCommand',
    ]);
  });

  it('read traces and signatures, and nothing else of that bucket', () => {
    expect(statement(template, 'ReadTracesAndSignatures').Resource).toEqual(
      ['/traces/*', '/signatures/*'].map((objects) => ({
        'Fn::Join': ['', [arnOf('BucketsTraces'), objects]],
      })),
    );
  });

  it('list only below those prefixes', () => {
    expect(statement(template, 'ListTracesAndSignatures').Resource).toEqual(arnOf('BucketsTraces'));
    expect(statement(template, 'ListTracesAndSignatures').Condition).toEqual({
      StringLike: { 's3:prefix': ['traces/*', 'signatures/*'] },
    });
  });

  it('write only reports, and only into their bucket', () => {
    expect(statement(template, 'WriteReports').Resource).toEqual({
      'Fn::Join': ['', [arnOf('BucketsReports'), '/reports/*']],
    });
  });

  it('send one document, only to instances that carry the node tag', () => {
    const [document] = Object.keys(template.findResources('AWS::SSM::Document'));
    const { 'Fn::Join': parts } = statement(template, 'AskWithOneDocument').Resource as {
      'Fn::Join': [string, readonly unknown[]];
    };
    expect(parts[1].slice(-2)).toEqual([':document/', { Ref: document }]);
    expect(statement(template, 'AskTaggedNodes').Condition).toEqual({
      StringLike: { 'ssm:resourceTag/perfscope:service': '*' },
    });
  });

  it('be invoked by the alarms of the settings, of this account, and by no other alarm', () => {
    const permissions = Object.values(
      templateOf({ alarms: ALARMS }).findResources('AWS::Lambda::Permission', {
        Properties: { Principal: 'lambda.alarms.cloudwatch.amazonaws.com' },
      }),
    );
    expect(permissions).toHaveLength(2);
    for (const [index, name] of Object.keys(ALARMS).entries()) {
      expect(permissions[index]?.Properties.SourceArn['Fn::Join'][1].at(-1)).toBe(`:alarm:${name}`);
      expect(permissions[index]?.Properties.SourceAccount).toEqual({ Ref: 'AWS::AccountId' });
    }
  });
});

describe('buckets', () => {
  it('are private, encrypted, and refuse plain HTTP', () => {
    const template = templateOf();
    template.resourceCountIs('AWS::S3::Bucket', 2);
    template.allResourcesProperties('AWS::S3::Bucket', {
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      BucketEncryption: Match.anyValue(),
    });
    template.allResourcesProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
        ]),
      },
    });
  });

  it('forget traces and reports after the set days, and keep signatures', () => {
    const template = templateOf({ traceRetentionDays: 3, reportRetentionDays: 30 });
    const rules = Object.values(template.findResources('AWS::S3::Bucket')).flatMap(
      (bucket) => bucket.Properties.LifecycleConfiguration.Rules,
    );
    expect(rules.filter((rule) => rule.ExpirationInDays !== undefined)).toEqual([
      expect.objectContaining({ Prefix: 'traces/', ExpirationInDays: 3 }),
      expect.objectContaining({ Prefix: 'reports/', ExpirationInDays: 30 }),
    ]);
  });

  it('outlive the stack, and so does the table', () => {
    const template = templateOf();
    const policiesOf = (type: string) =>
      Object.values(template.findResources(type)).map(({ DeletionPolicy: policy }) => policy);
    expect(policiesOf('AWS::S3::Bucket')).toEqual(['Retain', 'Retain']);
    expect(policiesOf('AWS::DynamoDB::GlobalTable')).toEqual(['Retain']);
  });
});

describe('the table', () => {
  it('is on demand, recoverable to a point in time, and forgets by time to live', () => {
    templateOf().hasResourceProperties('AWS::DynamoDB::GlobalTable', {
      BillingMode: 'PAY_PER_REQUEST',
      TimeToLiveSpecification: { AttributeName: 'expires', Enabled: true },
      KeySchema: [
        { AttributeName: 'incident', KeyType: 'HASH' },
        { AttributeName: 'kind', KeyType: 'RANGE' },
      ],
      GlobalSecondaryIndexes: [
        Match.objectLike({
          KeySchema: [
            { AttributeName: 'service', KeyType: 'HASH' },
            { AttributeName: 'time', KeyType: 'RANGE' },
          ],
        }),
      ],
      Replicas: [
        Match.objectLike({ PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } }),
      ],
    });
  });
});

describe('events', () => {
  it('come only for objects under traces/, so that a report never triggers the function', () => {
    templateOf().hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.s3'],
        'detail-type': ['Object Created'],
        detail: {
          bucket: { name: [{ Ref: Match.stringLikeRegexp('^BucketsTraces') }] },
          object: { key: [{ prefix: 'traces/' }] },
        },
      },
    });
  });

  it('come from the named alarms, and only when they go to ALARM', () => {
    templateOf({ alarms: ALARMS }).hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.cloudwatch'],
        'detail-type': ['CloudWatch Alarm State Change'],
        detail: { alarmName: Object.keys(ALARMS), state: { value: ['ALARM'] } },
      },
    });
  });

  it('come from an alarm that is named by its ARN', () => {
    const alarms = { 'arn:aws:cloudwatch:eu-central-1:123456789012:alarm:checkout:p99': 'checkout' };
    templateOf({ alarms }).hasResourceProperties('AWS::Events::Rule', {
      EventPattern: Match.objectLike({ detail: Match.objectLike({ alarmName: ['checkout:p99'] }) }),
    });
  });

  it('come through the topics that alarms notify', () => {
    const template = templateOf({ alarmTopics: [TOPIC] });
    template.hasResourceProperties('AWS::SNS::Subscription', { Protocol: 'lambda', TopicArn: TOPIC });
    template.hasResourceProperties('AWS::Lambda::Permission', {
      Principal: 'sns.amazonaws.com',
      SourceArn: TOPIC,
    });
  });

  it('that cannot be delivered go to the dead letters', () => {
    const template = templateOf({ alarms: ALARMS });
    const rules = Object.values(template.findResources('AWS::Events::Rule'));
    expect(rules).toHaveLength(2);
    for (const { Properties } of rules)
      for (const target of Properties.Targets)
        expect(target.DeadLetterConfig.Arn['Fn::GetAtt'][0]).toMatch(/^QueuesDeadLetters/);
  });
});

describe('nodes', () => {
  it('may put traces of their own service, and nothing else', () => {
    const [policy] = Object.values(templateOf().findResources('AWS::IAM::ManagedPolicy'));
    const statements = policy?.Properties.PolicyDocument.Statement as Statement[];
    expect(statements).toHaveLength(1);
    expect(statements[0]?.Action).toBe('s3:PutObject');
    expect(JSON.stringify(statements[0]?.Resource)).toContain(
      '/traces/$' + '{aws:PrincipalTag/perfscope:service}/*',
    );
  });

  it('are asked by a document whose parameters cannot carry shell syntax', () => {
    const [document] = Object.values(templateOf().findResources('AWS::SSM::Document'));
    const parameters: Record<string, { readonly allowedPattern: string }> =
      document?.Properties.Content.parameters;
    expect(Object.keys(parameters)).toEqual(['service', 'incident', 'at']);
    for (const { allowedPattern } of Object.values(parameters)) {
      for (const evil of ["x'; rm -rf /", '$(id)', 'a b', '`id`', 'a\nb', ''])
        expect(new RegExp(allowedPattern).test(evil)).toBe(false);
    }
    expect(new RegExp(parameters.incident?.allowedPattern ?? '').test('checkout-p99-20261123T021500Z')).toBe(
      true,
    );
    expect(new RegExp(parameters.at?.allowedPattern ?? '').test('2026-11-23T02:15:00.490Z')).toBe(true);
  });
});

describe('notifications', () => {
  it('are copied to the follow-up queue with their envelope: the proof that they were sent', () => {
    templateOf().hasResourceProperties('AWS::SNS::Subscription', {
      Protocol: 'sqs',
      RawMessageDelivery: false,
      TopicArn: { Ref: Match.stringLikeRegexp('^NotificationsFindings') },
      Endpoint: { 'Fn::GetAtt': [Match.stringLikeRegexp('^QueuesFollowUps'), 'Arn'] },
    });
  });

  it('go to every address: findings to the one list, PerfScope’s own troubles to the other', () => {
    const template = templateOf({
      emails: ['a@example.com', 'b@example.com'],
      platformEmails: ['c@example.com'],
    });
    const mails = Object.values(
      template.findResources('AWS::SNS::Subscription', { Properties: { Protocol: 'email' } }),
    ).map(({ Properties }) => [Properties.Endpoint, Properties.TopicArn.Ref]);
    expect(mails.sort()).toEqual([
      ['a@example.com', expect.stringMatching(/^NotificationsFindings/)],
      ['b@example.com', expect.stringMatching(/^NotificationsFindings/)],
      ['c@example.com', expect.stringMatching(/^NotificationsPlatform/)],
    ]);
  });
});

describe('PerfScope itself is watched', () => {
  it('by an alarm on the first dead letter', () => {
    templateOf().hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'ApproximateNumberOfMessagesVisible',
      Threshold: 1,
      AlarmActions: [{ Ref: Match.stringLikeRegexp('^NotificationsPlatform') }],
      Dimensions: [
        {
          Name: 'QueueName',
          Value: { 'Fn::GetAtt': [Match.stringLikeRegexp('^QueuesDeadLetters'), 'QueueName'] },
        },
      ],
    });
  });

  it('by alarms of which each says what to do, here and in docs/operations.md', () => {
    const alarms = Object.entries(templateOf().findResources('AWS::CloudWatch::Alarm'));
    expect(alarms.length).toBeGreaterThan(0);
    for (const [id, { Properties: it }] of alarms) {
      const name = /^Watch(\w+)[0-9A-F]{8}$/.exec(id)?.[1];
      expect(OPERATIONS).toMatch(new RegExp(`^\\| ${name} +\\|`, 'm'));
      expect(it.AlarmDescription).toMatch(/^PerfScope: .+\.$/);
      expect(it.AlarmActions).toEqual([{ Ref: expect.stringMatching(/^NotificationsPlatform/) }]);
    }
  });

  it('by metrics that the function counts, each of them shown, under the dimensions that it gives them', () => {
    const metrics = ownMetrics(templateOf());
    const names = [
      ...COUNT_METRICS,
      ...Object.values(VERDICT_METRICS),
      ...Object.values(STAGE_METRICS),
      COLD_START_METRIC,
    ];
    expect([...new Set(metrics.map(({ name }) => name))].sort()).toEqual([...names].sort());
    for (const name of names) expect(OPERATIONS).toContain(`\`${name}\``);
    for (const { name, dimensions } of metrics)
      expect(dimensions, name).toEqual({
        service: METRICS_SERVICE,
        ...(name === COLD_START_METRIC ? { function_name: '' } : {}),
      });
  });
});

describe('settings', () => {
  it('with a misspelt name are refused, and named', () => {
    expect(() => readSettings({ emials: ['a@example.com'] })).toThrow(SettingsError);
    expect(() => readSettings({ emials: [] })).toThrow(/emials/);
  });

  it('hold as many alarms as the function environment can, and not one character more', () => {
    const entry = (name: string) => ({ [name]: 's' });
    const room = 3_000 - JSON.stringify(entry('')).length;
    // Alarm names have at most 255 characters: fill up with several.
    const names = Array.from({ length: 11 }, (_, index) => String(index).padStart(3, '0').padEnd(255, 'x'));
    const used = JSON.stringify(Object.fromEntries(names.map((name) => [name, 's']))).length;
    const last = 'y'.repeat(room - used + 1);
    const alarms = Object.fromEntries([...names, last].map((name) => [name, 's']));
    expect(JSON.stringify(alarms)).toHaveLength(3_000);
    expect(readSettings({ alarms }).alarms).toEqual(alarms);
    const tooMany = Object.fromEntries([...names, `${last}y`].map((name) => [name, 's']));
    expect(() => readSettings({ alarms: tooMany })).toThrow(/composite/);
  });
});

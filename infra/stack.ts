/** The whole system as one stack. Each construct is one thing; only this file knows how they hang together. */
import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { SIGNATURES_PREFIX } from '../lambda/keys.ts';
import { Buckets } from './constructs/buckets.ts';
import { Incidents } from './constructs/incidents.ts';
import { InferFunction } from './constructs/infer-function.ts';
import { Nodes } from './constructs/nodes.ts';
import { Notifications } from './constructs/notifications.ts';
import { Queues } from './constructs/queues.ts';
import { Triggers } from './constructs/triggers.ts';
import { Watch } from './constructs/watch.ts';
import { alarmName, type Settings } from './settings.ts';

interface PerfScopeStackProps extends StackProps {
  readonly settings: Settings;
  /** Directory of the function's bundle (function-bundle.ts). */
  readonly code: string;
}

export class PerfScopeStack extends Stack {
  constructor(scope: Construct, id: string, props: PerfScopeStackProps) {
    super(scope, id, { description: 'PerfScope: performance bug inference from system calls', ...props });
    const { settings, code } = props;
    const { traces, reports } = new Buckets(this, 'Buckets', settings);
    const { table: incidents } = new Incidents(this, 'Incidents');
    const queues = new Queues(this, 'Queues', settings);
    const { findings, platform } = new Notifications(this, 'Notifications', { ...settings, ...queues });
    const nodes = new Nodes(this, 'Nodes', { traces, nodeTag: settings.nodeTag });
    const { fn } = new InferFunction(this, 'Infer', {
      settings,
      code,
      traces,
      reports,
      incidents,
      findings,
      queues,
      nodes,
    });
    const alarms = Object.keys(settings.alarms).map(alarmName);
    new Triggers(this, 'Triggers', {
      fn,
      traces,
      deadLetters: queues.deadLetters,
      alarms,
      alarmTopics: settings.alarmTopics,
    });
    new Watch(this, 'Watch', { fn, queues, platform, timeoutSeconds: settings.timeoutSeconds });

    const next = (name: string, value: string, description: string) =>
      new CfnOutput(this, name, { value, description });
    next(
      'Step1PublishSignatures',
      `perfscope publish signatures.json --bucket ${traces.bucketName}`,
      `Signature sets lie under ${SIGNATURES_PREFIX}`,
    );
    next(
      'Step2NodePolicy',
      nodes.policy.managedPolicyArn,
      `Attach to the nodes' role, and tag role and instances ${settings.nodeTag}=<service>`,
    );
    next(
      'Step3NodeBucket',
      traces.bucketName,
      'Bucket for `perfscope record --bucket` on the nodes (docs/operations-node.md)',
    );
    next(
      'Step4AlarmAction',
      fn.functionArn,
      'Alarms named in the settings are attached already; others take this as their Lambda action, after they are added to the settings',
    );
    next(
      'Step5ConfirmMail',
      findings.topicArn,
      'Each address gets a mail that it must confirm; other subscriptions (chat, pager) go to this topic',
    );
    next(
      'DeadLetterQueue',
      queues.deadLetters.queueUrl,
      'After a repair: perfscope replay --from <this> --to <FollowUpQueue>',
    );
    next('FollowUpQueue', queues.followUps.queueUrl, 'The queue that calls the function again');
  }
}

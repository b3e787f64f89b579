import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription, SqsSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';

interface NotificationsProps {
  readonly emails: readonly string[];
  readonly platformEmails: readonly string[];
  /** Gets a copy of each notification: the proof that it was sent (lambda/events/receipt.ts). */
  readonly followUps: IQueue;
  readonly deadLetters: IQueue;
}

/** One topic for findings, which wake the on-call engineer; one for the platform engineer, about PerfScope itself. */
export class Notifications extends Construct {
  readonly findings: Topic;
  readonly platform: Topic;

  constructor(scope: Construct, id: string, props: NotificationsProps) {
    super(scope, id);
    this.findings = new Topic(this, 'Findings', { displayName: 'PerfScope', enforceSSL: true });
    this.platform = new Topic(this, 'Platform', { displayName: 'PerfScope platform', enforceSSL: true });
    // No raw delivery: the envelope carries the message id and the attributes.
    this.findings.addSubscription(
      new SqsSubscription(props.followUps, { rawMessageDelivery: false, deadLetterQueue: props.deadLetters }),
    );
    for (const address of props.emails)
      this.findings.addSubscription(new EmailSubscription(address, { deadLetterQueue: props.deadLetters }));
    for (const address of props.platformEmails)
      this.platform.addSubscription(new EmailSubscription(address, { deadLetterQueue: props.deadLetters }));
  }
}

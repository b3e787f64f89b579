import { Duration, Validations } from 'aws-cdk-lib';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';

/** Deliveries of one follow-up before it is a dead letter. */
const MAX_RECEIVES = 5;

/**
 * How much longer than the function a message stays hidden: Lambda requires at least the function's timeout
 * (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html).
 */
const HIDDEN_MARGIN_SECONDS = 30;

/** Follow-ups (and receipts), and the dead letters of everything that failed for good. */
export class Queues extends Construct {
  readonly followUps: Queue;
  readonly deadLetters: Queue;

  constructor(scope: Construct, id: string, props: { readonly timeoutSeconds: number }) {
    super(scope, id);
    this.deadLetters = new Queue(this, 'DeadLetters', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    Validations.of(this.deadLetters).acknowledge(
      {
        id: 'AwsSolutions::AwsSolutions-SQS3',
        reason: 'This is the dead-letter queue itself; an alarm watches it.',
      },
      {
        id: 'Serverless::Serverless-SQSRedrivePolicy',
        reason: 'This is the dead-letter queue itself; an alarm watches it.',
      },
    );
    this.followUps = new Queue(this, 'FollowUps', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      visibilityTimeout: Duration.seconds(props.timeoutSeconds + HIDDEN_MARGIN_SECONDS),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: MAX_RECEIVES },
    });
  }
}

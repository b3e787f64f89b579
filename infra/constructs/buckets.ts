import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type CfnBucket,
  type LifecycleRule,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { REPORTS_PREFIX, TRACES_PREFIX } from '../../lambda/keys.ts';

interface BucketsProps {
  readonly traceRetentionDays: number;
  readonly reportRetentionDays: number;
}

/** Traces (with signatures beside them) and reports: private, encrypted, TLS only, cleaned up by age. */
export class Buckets extends Construct {
  readonly traces: Bucket;
  readonly reports: Bucket;

  constructor(scope: Construct, id: string, props: BucketsProps) {
    super(scope, id);
    const expire = (prefix: string, days: number): LifecycleRule => ({
      prefix,
      expiration: Duration.days(days),
    });
    // Signatures lie under their own prefix and do not expire.
    this.traces = privateBucket(this, 'Traces', [expire(TRACES_PREFIX, props.traceRetentionDays)]);
    this.reports = privateBucket(this, 'Reports', [expire(REPORTS_PREFIX, props.reportRetentionDays)]);
    // The typed property would bring a custom resource with a function and wildcard rights of its own; S3 needs only
    // this: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-s3-bucket-eventbridgeconfiguration.html
    (this.traces.node.defaultChild as CfnBucket).notificationConfiguration = {
      eventBridgeConfiguration: { eventBridgeEnabled: true },
    };
  }
}

function privateBucket(scope: Construct, id: string, rules: readonly LifecycleRule[]): Bucket {
  const bucket = new Bucket(scope, id, {
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    encryption: BucketEncryption.S3_MANAGED,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    lifecycleRules: [...rules, { abortIncompleteMultipartUploadAfter: Duration.days(1) }],
    removalPolicy: RemovalPolicy.RETAIN,
  });
  Validations.of(bucket).acknowledge({
    id: 'AwsSolutions::AwsSolutions-S1',
    reason:
      'Server access logs would need a third bucket that outlives the data it speaks of; every writer and reader is a role of this stack, and CloudTrail data events record them where an account wants that.',
  });
  return bucket;
}

import { Stack, Validations } from 'aws-cdk-lib';
import { ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Bucket, CfnBucket } from 'aws-cdk-lib/aws-s3';
import { CfnDocument } from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';
import { MAX_KEY_PART, TRACES_PREFIX } from '../../lambda/keys.ts';

/** Where a node has the shipper (docs/operations-node.md). */
const PERFSCOPE = '/usr/local/bin/perfscope';

/** The shipper itself tries S3 for two minutes (`ship --patience`), after it has cut and packed up to 2 GB of ring. */
const SHIP_SECONDS = '300';

/** The characters of a key part: nothing that a shell could read as more than a word. */
const WORD = `^[A-Za-z0-9._=-]{1,${MAX_KEY_PART}}$`;

interface NodesProps {
  readonly traces: Bucket;
  /** Tag on a node's role (and on the instance) whose value is its service. */
  readonly nodeTag: string;
}

/** What nodes need: the command that they run when asked, and the right to put traces of their own service. */
export class Nodes extends Construct {
  readonly document: CfnDocument;
  readonly policy: ManagedPolicy;

  constructor(scope: Construct, id: string, props: NodesProps) {
    super(scope, id);
    this.document = new CfnDocument(this, 'Ship', {
      documentType: 'Command',
      documentFormat: 'JSON',
      updateMethod: 'NewVersion',
      content: {
        schemaVersion: '2.2',
        description: 'PerfScope: ship the last 90 s of system calls before the alarm',
        parameters: {
          service: { type: 'String', allowedPattern: WORD },
          incident: { type: 'String', allowedPattern: WORD },
          at: { type: 'String', allowedPattern: '^[0-9T:.Z-]{20,30}$' },
        },
        mainSteps: [
          {
            action: 'aws:runShellScript',
            name: 'ship',
            inputs: {
              timeoutSeconds: SHIP_SECONDS,
              runCommand: [
                `${PERFSCOPE} ship --service '{{ service }}' --incident '{{ incident }}' --at '{{ at }}'`,
              ],
            },
          },
        ],
      },
    });
    const own = props.traces.arnForObjects(`${TRACES_PREFIX}\${aws:PrincipalTag/${props.nodeTag}}/*`);
    this.policy = new ManagedPolicy(this, 'Policy', {
      description: 'PerfScope nodes: put traces of the service that the role is tagged with, nothing else',
      statements: [new PolicyStatement({ actions: ['s3:PutObject'], resources: [own] })],
    });
    const traces = Stack.of(this).getLogicalId(props.traces.node.defaultChild as CfnBucket);
    Validations.of(this.policy).acknowledge({
      id: `AwsSolutions::AwsSolutions-IAM5[Resource::<${traces}.Arn>/${TRACES_PREFIX}<aws:PrincipalTag/${props.nodeTag}>/*]`,
      reason:
        'The wildcard stands for incident, node and object name below the prefix of the one service that the role is tagged with.',
    });
  }
}

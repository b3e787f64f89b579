import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, Billing, ProjectionType, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import { INDEX, INDEX_KEYS, TABLE_KEYS, TIME_TO_LIVE_ATTRIBUTE } from '../../lambda/stores/incident-table.ts';

/** Incidents and their node reports, one on-demand table. */
export class Incidents extends Construct {
  readonly table: TableV2;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    const [partition, sort] = TABLE_KEYS.map(attribute);
    const [indexPartition, indexSort] = INDEX_KEYS.map(attribute);
    if (
      partition === undefined ||
      sort === undefined ||
      indexPartition === undefined ||
      indexSort === undefined
    )
      throw new Error('the incidents table needs two keys, and its index two');
    this.table = new TableV2(this, 'Table', {
      partitionKey: partition,
      sortKey: sort,
      billing: Billing.onDemand(),
      encryption: TableEncryptionV2.dynamoOwnedKey(),
      timeToLiveAttribute: TIME_TO_LIVE_ATTRIBUTE,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      globalSecondaryIndexes: [
        {
          indexName: INDEX,
          partitionKey: indexPartition,
          sortKey: indexSort,
          projectionType: ProjectionType.ALL,
        },
      ],
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }
}

function attribute({ AttributeName }: { readonly AttributeName: string }) {
  return { name: AttributeName, type: AttributeType.STRING };
}

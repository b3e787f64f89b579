/**
 * Incidents in one DynamoDB table: partition key `incident` (`<service>/<incident>`), sort key `kind` (`head`, or
 * `node#<node>#<report>`), an index by service and time.
 */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, GetCommand, PutCommand, paginateQuery } from '@aws-sdk/lib-dynamodb';
import { formatIncidentId } from '../keys.ts';
import type { Clock, IncidentState, IncidentStore, StoredReport } from '../ports.ts';
import { createHeadWrites, unlessConditionFails } from './incident-head.ts';
import { type Item, readIncident, readReport, reportItem, reportKey } from './incident-items.ts';

const DAY_SECONDS = 86_400;

interface IncidentTable {
  readonly table: string;
  readonly retentionDays: number;
}

export function createIncidentStore(
  client: DynamoDBClient,
  { table, retentionDays }: IncidentTable,
  clock: Clock,
): IncidentStore {
  const dynamodb = DynamoDBDocumentClient.from(client, {
    // A number beyond 2^53 in an item would otherwise be an exception, and no schema would get to see it.
    unmarshallOptions: { wrapNumbers: Number },
  });
  /** DynamoDB's time to live wants Unix seconds. */
  const expires = () => Math.floor(clock.now() / 1000) + retentionDays * DAY_SECONDS;

  return {
    ...createHeadWrites(dynamodb, table, clock, expires),

    async read(id): Promise<IncidentState> {
      const items: Item[] = [];
      const pages = paginateQuery(
        { client: dynamodb },
        {
          TableName: table,
          KeyConditionExpression: 'incident = :incident',
          ExpressionAttributeValues: { ':incident': formatIncidentId(id) },
          ConsistentRead: true,
        },
      );
      for await (const page of pages) items.push(...(page.Items ?? []));
      return readIncident(id, items);
    },

    async findReport(id, node, report): Promise<StoredReport | null> {
      const { Item: item } = await dynamodb.send(
        new GetCommand({ TableName: table, Key: reportKey(id, node, report), ConsistentRead: true }),
      );
      return item === undefined ? null : readReport(item);
    },

    saveReport(report, { replace }): Promise<boolean> {
      // A complete report is never replaced by one without a verdict, whoever comes last.
      const condition = !replace
        ? { ConditionExpression: 'attribute_not_exists(kind)' }
        : report.outcome === 'complete'
          ? {}
          : {
              ConditionExpression: 'attribute_not_exists(kind) OR outcome <> :complete',
              ExpressionAttributeValues: { ':complete': 'complete' },
            };
      return unlessConditionFails(
        dynamodb.send(
          new PutCommand({
            TableName: table,
            Item: { ...reportItem(report), expires: expires() },
            ...condition,
          }),
        ),
      );
    },
  };
}

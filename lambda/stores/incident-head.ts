/**
 * What is written to an incident's head. Every write is conditional or gives the same result when repeated, so
 * retries, duplicates and races need no lock: the condition decides who was first.
 */
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { type DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { hasFinding } from '../incident/picture.ts';
import { writeStoredAlarm } from '../incident/stored-documents.ts';
import type { IncidentId } from '../keys.ts';
import type { Clock, IncidentStore } from '../ports.ts';
import { headKey, type Item, pictureFields } from './incident-items.ts';

type HeadWrites = Pick<IncidentStore, 'open' | 'recordPicture' | 'claim' | 'shorten' | 'markDone'>;

export function createHeadWrites(
  dynamodb: DynamoDBDocumentClient,
  table: string,
  clock: Clock,
  expires: () => number,
): HeadWrites {
  /** Every head carries the index's keys and its end of life from its first write on. False where the condition failed. */
  async function update(
    id: IncidentId,
    set: string,
    values: Item,
    condition?: { readonly expression: string; readonly values?: Item },
  ): Promise<boolean> {
    return unlessConditionFails(
      dynamodb.send(
        new UpdateCommand({
          TableName: table,
          Key: headKey(id),
          UpdateExpression: `SET #service = :service, #time = if_not_exists(#time, :time), expires = if_not_exists(expires, :expires), ${set}`,
          ExpressionAttributeNames: { '#service': 'service', '#time': 'time' },
          ExpressionAttributeValues: {
            ':service': id.service,
            ':time': new Date(clock.now()).toISOString(),
            ':expires': expires(),
            ...values,
            ...condition?.values,
          },
          ...(condition === undefined ? {} : { ConditionExpression: condition.expression }),
        }),
      ),
    );
  }

  return {
    async open(id, alarm): Promise<void> {
      await update(id, 'alarm = if_not_exists(alarm, :alarm)', { ':alarm': writeStoredAlarm(alarm) });
    },

    async recordPicture(id, picture): Promise<void> {
      const fields = Object.entries(pictureFields(picture));
      const set = fields.map(([name]) => `${name} = :${name}`);
      const values = Object.fromEntries(fields.map(([name, value]) => [`:${name}`, value]));
      // Of two invocations, the one that saw more reports has the truer picture, whoever writes last.
      const condition = { expression: 'attribute_not_exists(reports) OR reports <= :reports' };
      if (!hasFinding(picture)) await update(id, set.join(', '), values, condition);
      else
        await update(
          id,
          [...set, 'foundAt = if_not_exists(foundAt, :foundAt)'].join(', '),
          { ...values, ':foundAt': clock.now() },
          condition,
        );
    },

    claim(id, step, { token, now, until, reports }): Promise<boolean> {
      // The third condition makes a claim whose answer was lost succeed when the client repeats it.
      return update(
        id,
        `${step}State = :claimed, ${step}Until = :until, ${step}Token = :token, ${step}Reports = :reports`,
        { ':claimed': 'claimed', ':until': until, ':token': token, ':reports': reports },
        {
          expression: `attribute_not_exists(${step}State) OR (${step}State = :claimed AND (${step}Until < :now OR ${step}Token = :token))`,
          values: { ':now': now },
        },
      );
    },

    async shorten(id, step, { token, until }): Promise<void> {
      await update(
        id,
        `${step}Until = :until`,
        { ':until': until },
        {
          expression: `${step}State = :claimed AND ${step}Token = :token`,
          values: { ':claimed': 'claimed', ':token': token },
        },
      );
    },

    async markDone(id, step, outcome): Promise<void> {
      await update(id, `${step}State = :done, ${step}Outcome = if_not_exists(${step}Outcome, :outcome)`, {
        ':done': 'done',
        ':outcome': outcome,
      });
    },
  };
}

/** True where the write was made; false where its condition did not hold. */
export async function unlessConditionFails(write: Promise<unknown>): Promise<boolean> {
  try {
    await write;
    return true;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false;
    throw error;
  }
}

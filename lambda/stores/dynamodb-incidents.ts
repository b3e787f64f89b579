/**
 * Incidents in one DynamoDB table: partition key `incident` (`<service>/<incident>`), sort key `kind` (`head`, or
 * `node#<node>#<report>`), an index by service and time. Every write is conditional or gives the same result when
 * repeated, so retries, duplicates and races need no lock: the condition decides who was first.
 */
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  paginateQuery,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import type { NodeReport } from '../../report/incident.ts';
import { nodesIn, type Picture } from '../../report/incident.ts';
import { hasFinding } from '../incident/picture.ts';
import { formatIncidentId, type IncidentId } from '../keys.ts';
import type { Clock, IncidentAlarm, IncidentState, IncidentStore, Step, StepState } from '../ports.ts';

export const HEAD_KIND = 'head';
const NODE_PREFIX = 'node#';
const DAY_SECONDS = 86_400;

type Item = Record<string, AttributeValue>;

export interface IncidentTable {
  readonly table: string;
  readonly retentionDays: number;
}

export function createIncidentStore(
  dynamodb: DynamoDBClient,
  { table, retentionDays }: IncidentTable,
  clock: Clock,
): IncidentStore {
  /** DynamoDB's time to live wants Unix seconds. */
  const expires = (): AttributeValue => number(Math.floor(clock.now() / 1000) + retentionDays * DAY_SECONDS);
  const head = (id: IncidentId): Item => ({ incident: text(formatIncidentId(id)), kind: text(HEAD_KIND) });

  /** Every head carries the index's keys and its end of life from its first write on. */
  async function updateHead(
    id: IncidentId,
    set: string,
    values: Item,
    condition?: { readonly expression: string; readonly values: Item },
  ): Promise<boolean> {
    try {
      await dynamodb.send(
        new UpdateItemCommand({
          TableName: table,
          Key: head(id),
          UpdateExpression: `SET #service = :service, #time = if_not_exists(#time, :time), expires = if_not_exists(expires, :expires), ${set}`,
          ExpressionAttributeNames: { '#service': 'service', '#time': 'time' },
          ExpressionAttributeValues: {
            ':service': text(id.service),
            ':time': text(new Date(clock.now()).toISOString()),
            ':expires': expires(),
            ...values,
            ...condition?.values,
          },
          ...(condition === undefined ? {} : { ConditionExpression: condition.expression }),
        }),
      );
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      throw error;
    }
  }

  return {
    async read(id): Promise<IncidentState> {
      let headItem: Item = {};
      const reports: NodeReport[] = [];
      const pages = paginateQuery(
        { client: dynamodb },
        {
          TableName: table,
          KeyConditionExpression: 'incident = :incident',
          ExpressionAttributeValues: { ':incident': text(formatIncidentId(id)) },
          ConsistentRead: true,
        },
      );
      for await (const page of pages) {
        for (const item of page.Items ?? []) {
          if (item.kind?.S === HEAD_KIND) headItem = item;
          else reports.push(parseReport(item));
        }
      }
      return {
        id: { service: id.service, incident: id.incident },
        alarm: headItem.alarm?.S === undefined ? null : (JSON.parse(headItem.alarm.S) as IncidentAlarm),
        foundAt: headItem.foundAt?.N === undefined ? null : Number(headItem.foundAt.N),
        steps: {
          ship: stepState(headItem, 'ship'),
          first: stepState(headItem, 'first'),
          final: stepState(headItem, 'final'),
        },
        reports,
      };
    },

    async findReport(id, node, report): Promise<NodeReport | null> {
      const { Item: item } = await dynamodb.send(
        new GetItemCommand({
          TableName: table,
          Key: { incident: text(formatIncidentId(id)), kind: text(nodeKind(node, report)) },
          ConsistentRead: true,
        }),
      );
      return item === undefined ? null : parseReport(item);
    },

    async saveReport(report, { replace }): Promise<boolean> {
      // A complete report is never replaced by one without a verdict, whoever comes last.
      const condition = !replace
        ? 'attribute_not_exists(kind)'
        : report.outcome === 'complete'
          ? null
          : 'attribute_not_exists(kind) OR outcome <> :complete';
      try {
        await dynamodb.send(
          new PutItemCommand({
            TableName: table,
            Item: { ...reportItem(report), expires: expires() },
            ...(condition === null ? {} : { ConditionExpression: condition }),
            ...(condition?.includes(':complete')
              ? { ExpressionAttributeValues: { ':complete': text('complete') } }
              : {}),
          }),
        );
        return true;
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false;
        throw error;
      }
    },

    async open(id, alarm): Promise<void> {
      await updateHead(id, 'alarm = if_not_exists(alarm, :alarm)', { ':alarm': text(JSON.stringify(alarm)) });
    },

    async recordPicture(id, picture): Promise<void> {
      // Of two invocations, the one that saw more reports has the truer picture, whoever writes last.
      await updateHead(id, pictureUpdate(picture), pictureValues(picture, clock.now()), {
        expression: 'attribute_not_exists(reports) OR reports <= :reports',
        values: {},
      });
    },

    claim(id, step, { token, now, until, reports }): Promise<boolean> {
      // The third condition makes a claim whose answer was lost succeed when the client repeats it.
      return updateHead(
        id,
        `${step}State = :claimed, ${step}Until = :until, ${step}Token = :token, ${step}Reports = :reports`,
        {
          ':claimed': text('claimed'),
          ':until': number(until),
          ':token': text(token),
          ':reports': number(reports),
        },
        {
          expression: `attribute_not_exists(${step}State) OR (${step}State = :claimed AND (${step}Until < :now OR ${step}Token = :token))`,
          values: { ':now': number(now) },
        },
      );
    },

    async shorten(id, step, { token, until }): Promise<void> {
      await updateHead(
        id,
        `${step}Until = :until`,
        { ':until': number(until) },
        {
          expression: `${step}State = :claimed AND ${step}Token = :token`,
          values: { ':claimed': text('claimed'), ':token': text(token) },
        },
      );
    },

    async markDone(id, step, outcome): Promise<void> {
      await updateHead(id, `${step}State = :done, ${step}Outcome = if_not_exists(${step}Outcome, :outcome)`, {
        ':done': text('done'),
        ':outcome': text(outcome),
      });
    },
  };
}

/** `spread`, because `scope` is one of DynamoDB's reserved words. */
function pictureUpdate(picture: Picture): string {
  const fields = ['verdict', 'spread', 'affected', 'healthy', 'failed', 'suspects', 'reports', 'nodes'];
  const found = hasFinding(picture) ? ', foundAt = if_not_exists(foundAt, :foundAt)' : '';
  return fields.map((field) => `${field} = :${field}`).join(', ') + found;
}

function pictureValues(picture: Picture, now: number): Item {
  return {
    ':verdict': text(picture.verdict),
    ':spread': text(picture.scope),
    ':affected': texts(picture.affected),
    ':healthy': texts(picture.healthy),
    ':failed': texts(picture.failed),
    ':suspects': texts(picture.suspects.map((suspect) => suspect.function)),
    ':reports': number(picture.reports),
    ':nodes': number(nodesIn(picture)),
    ...(hasFinding(picture) ? { ':foundAt': number(now) } : {}),
  };
}

/** The fields that people look for stand beside the document that the function reads. */
function reportItem(report: NodeReport): Item {
  return {
    incident: text(formatIncidentId(report)),
    kind: text(nodeKind(report.node, report.report)),
    service: text(report.service),
    time: text(report.tracedAt),
    outcome: text(report.outcome),
    verdict: report.verdict === null ? { NULL: true } : text(report.verdict),
    summary: text(report.summary),
    suspects: texts(report.suspects.map((suspect) => suspect.function)),
    document: text(JSON.stringify(report)),
  };
}

function parseReport(item: Item): NodeReport {
  const document = item.document?.S;
  if (document === undefined)
    throw new Error(`the item ${item.incident?.S}, ${item.kind?.S} is no node report: it has no document`);
  return JSON.parse(document) as NodeReport;
}

function stepState(item: Item, step: Step): StepState {
  const state = item[`${step}State`]?.S;
  return {
    state: state === 'done' || state === 'claimed' ? state : 'open',
    claimedUntil: Number(item[`${step}Until`]?.N ?? 0),
    outcome: item[`${step}Outcome`]?.S ?? null,
    reports: Number(item[`${step}Reports`]?.N ?? 0),
  };
}

function nodeKind(node: string, report: string): string {
  return `${NODE_PREFIX}${node}#${report}`;
}

function text(value: string): AttributeValue {
  return { S: value };
}

function texts(values: readonly string[]): AttributeValue {
  return { L: values.map(text) };
}

function number(value: number): AttributeValue {
  return { N: String(value) };
}

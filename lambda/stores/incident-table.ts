/** The incidents table's keys and index, in DynamoDB's own words: the stack and the embedded table are made from these. */
import type { KeySchemaElement } from '@aws-sdk/client-dynamodb';

type Key = KeySchemaElement & { readonly AttributeName: string };

export const TABLE_KEYS: Key[] = [
  { AttributeName: 'incident', KeyType: 'HASH' },
  { AttributeName: 'kind', KeyType: 'RANGE' },
];

/** Sort key of the item that holds the alarm, the picture and the state of each step. */
export const HEAD_KIND = 'head';

/** "What happened to this service lately?" */
export const INDEX = 'by-service-and-time';
export const INDEX_KEYS: Key[] = [
  { AttributeName: 'service', KeyType: 'HASH' },
  { AttributeName: 'time', KeyType: 'RANGE' },
];

export const TIME_TO_LIVE_ATTRIBUTE = 'expires';

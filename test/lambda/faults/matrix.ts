/** Every call × every fault × every way in which events may come, each in an incident of its own. */

import { readFile } from 'node:fs/promises';
import { PutObjectCommand, paginateListObjectsV2 } from '@aws-sdk/client-s3';
import { reportId } from '../../../lambda/incident/report-id.ts';
import { type IncidentId, REPORTS_PREFIX, signaturesKey, traceKey } from '../../../lambda/keys.ts';
import { NORMAL, SPIN } from '../../report/sample-report.ts';
import {
  type Account,
  alarmEvent,
  incidentAt,
  openAccount,
  REPORTS_BUCKET,
  TRACES_BUCKET,
  traceEvent,
} from './account.ts';
import { CALLS, type Call, FAULTS, type Fault, type Injection } from './fault.ts';

const PATTERNS = ['once', 'twice', 'ten at once', 'out of order'] as const;
type Pattern = (typeof PATTERNS)[number];

export interface Cell extends CellName {
  /** False where no such call was made: then the cell says nothing about the fault. */
  readonly met: boolean;
  readonly outcome: Outcome;
}

export interface Outcome {
  readonly traces: number;
  /** Node reports in the table. */
  readonly reports: number;
  /** Report objects in S3, of two a trace. */
  readonly objects: number;
  readonly first: number;
  readonly final: number;
  /** Nodes that the last message knew of. */
  readonly nodesTold: number;
  readonly deadLetters: number;
}

/** One report a trace, one first notification, a final one only if the first did not know all nodes, nothing lost. */
export function isExact({
  traces,
  reports,
  objects,
  first,
  final,
  nodesTold,
  deadLetters,
}: Outcome): boolean {
  return (
    reports === traces &&
    objects === 2 * traces &&
    first === 1 &&
    final <= 1 &&
    nodesTold === traces &&
    deadLetters === 0
  );
}

/** A trace whose text is `sick` is a spin; anything else is healthy. */
function inferText(text: string) {
  return text.startsWith('sick') ? SPIN : NORMAL;
}

const EXAMPLE_SIGNATURES = new URL(
  '../../../examples/lighttpd-scgi-write-spin/signatures.json.gz',
  import.meta.url,
);

export async function openMatrixAccount(): Promise<Account> {
  const account = await openAccount({ infer: inferText });
  await account.aws.clients.s3.send(
    new PutObjectCommand({
      Bucket: TRACES_BUCKET,
      Key: signaturesKey('checkout', '1.0'),
      Body: await readFile(EXAMPLE_SIGNATURES),
    }),
  );
  return account;
}

interface CellName {
  readonly call: Call;
  readonly fault: Fault;
  readonly pattern: Pattern;
}

/**
 * Ways in which the call is made at all: a final notification needs a second node, and when that node comes late, time
 * has settled the picture and nobody asks SSM.
 */
export function patternsOf(call: Call): readonly Pattern[] {
  if (call.includes('final')) return PATTERNS.filter((pattern) => pattern === 'out of order');
  if (call === 'SSM ListCommands') return PATTERNS.filter((pattern) => pattern !== 'out of order');
  return PATTERNS;
}

/** All cells, in a fixed order. */
export function allCells(): CellName[] {
  return CALLS.flatMap((call) =>
    FAULTS.flatMap((fault) => patternsOf(call).map((pattern) => ({ call, fault, pattern }))),
  );
}

/** Some of the cells for every test run: each call meets each fault, its patterns take turns. */
export function sampledCells(): CellName[] {
  return allCells().filter(({ call, fault, pattern }) => {
    const patterns = patternsOf(call);
    return pattern === patterns[(CALLS.indexOf(call) + FAULTS.indexOf(fault)) % patterns.length];
  });
}

export async function* runCells(account: Account, cells: readonly CellName[]): AsyncIterable<Cell> {
  for (const cell of cells) {
    // Each cell takes the account's clock on by a minute and more, so each alarm opens an incident of its own.
    const at = new Date(account.now()).toISOString();
    const outcome = await runCell(account, at, cell.pattern, cell);
    yield { ...cell, met: account.met.has(cell), outcome };
  }
}

async function runCell(
  account: Account,
  at: string,
  pattern: Pattern,
  injection: Injection,
): Promise<Outcome> {
  const id = incidentAt(at);
  const deadLetters = account.deadLetters.length;
  const alarm = alarmEvent(at);
  const [sick, other] = await Promise.all([
    putTrace(account, id, 'node-a', 'sick'),
    putTrace(account, id, 'node-b', 'well'),
  ]);
  const deliver = (event: unknown) => account.deliver(event, injection);
  const traces = pattern === 'out of order' ? 2 : 1;
  account.ssm.targets.set(id.incident, traces);
  switch (pattern) {
    case 'once':
      deliver(alarm);
      await account.settle();
      deliver(sick);
      break;
    case 'twice':
      for (const event of [alarm, alarm, sick]) {
        deliver(event);
        await account.settle();
      }
      deliver(sick);
      break;
    case 'ten at once':
      for (let copy = 0; copy < 10; copy += 1) deliver(alarm);
      for (let copy = 0; copy < 10; copy += 1) deliver(sick);
      break;
    case 'out of order':
      // Traces before their alarm, the second long after the first, and the first once more at the end.
      deliver(sick);
      await account.settle();
      deliver(other);
      deliver(alarm);
      await account.settle();
      deliver(sick);
      break;
  }
  await account.settle();
  return observe(account, id, traces, deadLetters);
}

/** Content differs by incident, as real traces do. */
export async function putTrace(
  account: Account,
  id: IncidentId,
  node: string,
  text: string,
): Promise<unknown> {
  const key = traceKey({ ...id, node, name: 'trace.txt' });
  await account.aws.clients.s3.send(
    new PutObjectCommand({ Bucket: TRACES_BUCKET, Key: key, Body: `${text} ${id.incident} ${node}` }),
  );
  return traceEvent(key);
}

export async function observe(
  account: Account,
  id: IncidentId,
  traces: number,
  deadLettersBefore: number,
): Promise<Outcome> {
  const state = await account.ports.incidents.read(id);
  const mail = account.mail.filter(({ attributes }) => attributes.incident === id.incident);
  const count = (step: string) => mail.filter(({ attributes }) => attributes.step === step).length;
  const final = count('final');
  return {
    traces,
    reports: new Set(state.reports.map((report) => reportId(report.trace))).size,
    objects: await countReportObjects(account, id),
    first: count('first'),
    final,
    nodesTold: final > 0 ? state.steps.final.reports : state.steps.first.reports,
    deadLetters: account.deadLetters.length - deadLettersBefore,
  };
}

async function countReportObjects(account: Account, { service, incident }: IncidentId): Promise<number> {
  let count = 0;
  const prefix = `${REPORTS_PREFIX}${service}/${incident}/`;
  const pages = paginateListObjectsV2(
    { client: account.aws.clients.s3 },
    { Bucket: REPORTS_BUCKET, Prefix: prefix },
  );
  for await (const page of pages) count += page.Contents?.length ?? 0;
  return count;
}

/** Incidents as items of the table: what the function writes into them, and what it makes of what it finds there. */
import * as z from 'zod';
import { type NodeReport, nodesIn, type Picture } from '../../report/incident.ts';
import { readStoredAlarm, readStoredReport, writeStoredReport } from '../incident/stored-documents.ts';
import { formatIncidentId, type IncidentId } from '../keys.ts';
import type { IncidentState, IncidentStep, StepState, StoredReport, UnreadableItem } from '../ports.ts';
import { HEAD_KIND } from './incident-table.ts';

const NODE_PREFIX = 'node#';

export type Item = Readonly<Record<string, unknown>>;

interface ItemKey {
  readonly incident: string;
  readonly kind: string;
}

export function headKey(id: IncidentId): ItemKey {
  return { incident: formatIncidentId(id), kind: HEAD_KIND };
}

export function reportKey(id: IncidentId, node: string, report: string): ItemKey {
  return { incident: formatIncidentId(id), kind: `${NODE_PREFIX}${node}#${report}` };
}

/** The fields that people look for stand beside the document that the function reads. */
export function reportItem(report: NodeReport) {
  return {
    ...reportKey(report, report.node, report.report),
    service: report.service,
    time: report.tracedAt,
    outcome: report.outcome,
    verdict: report.verdict,
    summary: report.summary,
    suspects: report.suspects.map((suspect) => suspect.function),
    document: writeStoredReport(report),
  };
}

/** `spread`, because `scope` is one of DynamoDB's reserved words. */
export function pictureFields(picture: Picture) {
  return {
    verdict: picture.verdict,
    spread: picture.scope,
    affected: picture.affected,
    healthy: picture.healthy,
    failed: picture.failed,
    suspects: picture.suspects.map((suspect) => suspect.function),
    reports: picture.reports,
    nodes: nodesIn(picture),
  };
}

export function readReport(item: Item): StoredReport {
  const stored = readStoredReport(item.document);
  if ('value' in stored) return { kind: 'report', report: stored.value };
  const key = String(item.kind);
  const [, node = null] = /^node#([^#]+)#/.exec(key) ?? [];
  return { kind: 'unreadable', item: { key, node, problem: stored.problem } };
}

export function readIncident(id: IncidentId, items: readonly Item[]): IncidentState {
  const reports: NodeReport[] = [];
  const unreadable: UnreadableItem[] = [];
  let head: Item = {};
  for (const item of items) {
    if (item.kind === HEAD_KIND) {
      head = item;
      continue;
    }
    const stored = readReport(item);
    if (stored.kind === 'report') reports.push(stored.report);
    else unreadable.push(stored.item);
  }
  const broken = (problem: string) => unreadable.push({ key: HEAD_KIND, node: null, problem });
  return {
    id: { service: id.service, incident: id.incident },
    alarm: alarmOf(head, broken),
    foundAt: foundAtOf(head, broken),
    steps: {
      ship: stepOf(head, 'ship', broken),
      first: stepOf(head, 'first', broken),
      final: stepOf(head, 'final', broken),
    },
    reports,
    unreadable,
  };
}

type Broken = (problem: string) => void;

function alarmOf(head: Item, broken: Broken): IncidentState['alarm'] {
  if (head.alarm === undefined) return null;
  const stored = readStoredAlarm(head.alarm);
  if ('value' in stored) return stored.value;
  broken(`alarm: ${stored.problem}`);
  return null;
}

function foundAtOf(head: Item, broken: Broken): number | null {
  const parsed = z.number().nullable().default(null).safeParse(head.foundAt);
  if (parsed.success) return parsed.data;
  broken('foundAt: expected Unix milliseconds');
  // Long ago: the picture counts as settled, or follow-ups would wait for it for ever.
  return 0;
}

const stepForm = z.object({
  state: z.enum(['open', 'claimed', 'done']).default('open'),
  claimedUntil: z.number().default(0),
  outcome: z.string().nullable().default(null),
  reports: z.number().default(0),
}) satisfies z.ZodType<StepState>;

/** No claim's condition holds on a state that is none of ours, so such a step is nobody's to take: it counts as done. */
const BROKEN_STEP: StepState = { state: 'done', claimedUntil: 0, outcome: null, reports: 0 };

function stepOf(head: Item, step: IncidentStep, broken: Broken): StepState {
  const parsed = stepForm.safeParse({
    state: head[`${step}State`],
    claimedUntil: head[`${step}Until`],
    outcome: head[`${step}Outcome`],
    reports: head[`${step}Reports`],
  });
  if (parsed.success) return parsed.data;
  broken(`${step}: ${parsed.error.issues[0]?.path.join('.')}: ${parsed.error.issues[0]?.message}`);
  return BROKEN_STEP;
}

/**
 * The documents inside the incidents table's items, as JSON with their form's name. What comes back is checked: an
 * item may have been written by another version of this function, or by hand. Such an item is a problem to tell of,
 * never a reason to stop the incident that it lies in. What was written before forms had names has the same fields, and
 * is read as the first one: an incident that is open while the function is deployed keeps its alarm and its reports.
 */
import * as z from 'zod';
import type { NodeReport } from '../../report/incident.ts';
import type { IncidentAlarm } from '../ports.ts';
import { CONFIDENCES, VERDICTS } from './verdicts.ts';

export const NODE_REPORT_SCHEMA = 'perfscope.node-report/1';
export const ALARM_SCHEMA = 'perfscope.alarm/1';

type Stored<T> = { readonly value: T } | { readonly problem: string };

const confidence = z.literal(CONFIDENCES);

const nodeReport = z.object({
  service: z.string(),
  incident: z.string(),
  node: z.string(),
  report: z.string(),
  outcome: z.enum(['complete', 'unfinished', 'unreadable']),
  verdict: z.literal(VERDICTS).nullable(),
  confidence: confidence.nullable(),
  summary: z.string(),
  build: z.string().nullable(),
  onsetUnixSeconds: z.number().nullable(),
  onsetBeforeEndSeconds: z.number().nullable(),
  onsetBeforeWindow: z.boolean().default(false),
  suspects: z.array(
    z.object({
      function: z.string(),
      object: z.string(),
      collidesWith: z.array(z.string()),
      abnormality: z.number().nullable(),
      confidence,
      evidence: z.string(),
    }),
  ),
  narrowing: z.object({ suspects: z.number(), functions: z.number() }),
  path: z.array(z.string()),
  warnings: z.array(z.string()),
  trace: z.object({ bucket: z.string(), key: z.string(), etag: z.string() }),
  reportKey: z.string().nullable(),
  pageKey: z.string().nullable(),
  tracedAt: z.iso.datetime(),
}) satisfies z.ZodType<NodeReport>;

const alarm = z.object({
  name: z.string(),
  reason: z.string(),
  at: z.iso.datetime(),
  instances: z.array(z.string()),
}) satisfies z.ZodType<IncidentAlarm>;

export function writeStoredReport(report: NodeReport): string {
  return JSON.stringify({ schema: NODE_REPORT_SCHEMA, ...report });
}

export function readStoredReport(document: unknown): Stored<NodeReport> {
  return read(document, NODE_REPORT_SCHEMA, nodeReport);
}

export function writeStoredAlarm(it: IncidentAlarm): string {
  return JSON.stringify({ schema: ALARM_SCHEMA, ...it });
}

export function readStoredAlarm(document: unknown): Stored<IncidentAlarm> {
  return read(document, ALARM_SCHEMA, alarm);
}

function read<T>(document: unknown, schema: string, form: z.ZodType<T>): Stored<T> {
  if (typeof document !== 'string') return { problem: 'it has no document' };
  let content: unknown;
  try {
    content = JSON.parse(document);
  } catch {
    return { problem: 'its document is no JSON' };
  }
  const named = z.object({ schema: z.string().default(schema) }).safeParse(content);
  if (named.data?.schema !== schema)
    return { problem: `its document is ${named.data?.schema ?? 'of no named form'}, expected ${schema}` };
  const parsed = form.safeParse(content);
  if (parsed.success) return { value: parsed.data };
  const [issue] = parsed.error.issues;
  return { problem: `its document is not usable: ${issue?.path.join('.')}: ${issue?.message}` };
}

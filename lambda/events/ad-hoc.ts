/** What an engineer types into the console's test tab. */
import * as z from 'zod';
import { isKeyPart, parseIncidentId } from '../keys.ts';
import type { AdHocIncident, AdHocTrace, Help } from './caller.ts';

const trace = z.strictObject({
  trace: z.string().regex(/^s3:\/\/[^/]+\/.+$/),
  service: z.string().refine(isKeyPart).optional(),
});
const incident = z.strictObject({ incident: z.string() });
const help = z.object({ help: z.literal(true) });

export function readAdHoc(event: unknown): AdHocTrace | AdHocIncident | Help | null {
  if (help.safeParse(event).success) return { kind: 'help' };
  const asTrace = trace.safeParse(event);
  if (asTrace.success) {
    const [bucket = '', ...key] = asTrace.data.trace.slice('s3://'.length).split('/');
    return { kind: 'ad-hoc-trace', bucket, key: key.join('/'), service: asTrace.data.service ?? null };
  }
  const asIncident = incident.safeParse(event);
  const id = asIncident.success ? parseIncidentId(asIncident.data.incident) : null;
  return id === null ? null : { kind: 'ad-hoc-incident', ...id };
}

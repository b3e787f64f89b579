/**
 * Where objects lie in S3:
 *
 *   traces/<service>/<incident>/<node>/<name>          put by nodes
 *   signatures/<service>/<build>.json.gz               put by `perfscope publish`
 *   reports/<service>/<incident>/<node>/<report>/…     put by the function
 *
 * Only `[A-Za-z0-9._=-]` between slashes: such keys are the same with and without URL encoding, so the classic S3
 * notification form (which encodes) and the EventBridge form (which does not) cannot be read differently.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
 */

export const TRACES_PREFIX = 'traces/';
export const SIGNATURES_PREFIX = 'signatures/';
export const REPORTS_PREFIX = 'reports/';

/** S3 limits a whole key to 1,024 bytes; five parts of 128 and their prefix stay below. */
export const MAX_KEY_PART = 128;

const PART = new RegExp(`^(?!\\.{1,2}$)[A-Za-z0-9._=-]{1,${MAX_KEY_PART}}$`);

export class KeyError extends Error {
  override readonly name = 'KeyError';
}

interface TraceKey {
  readonly service: string;
  readonly incident: string;
  readonly node: string;
  readonly name: string;
}

/** The incident's address: what pages, items and commands call it. */
export interface IncidentId {
  readonly service: string;
  readonly incident: string;
}

export function isKeyPart(text: string): boolean {
  return PART.test(text);
}

/** Turns a free text (an alarm's name) into a key part; what does not fit becomes `-`. */
export function toKeyPart(text: string, maxLength = MAX_KEY_PART): string {
  const part = text
    .replace(/[^A-Za-z0-9._=-]+/g, '-')
    .replace(/^[-.]+/, '')
    .slice(0, maxLength);
  return part === '' ? 'unnamed' : part;
}

/** Null where the key is not of the layout above: the caller decides whether that is an error. */
export function parseTraceKey(key: string): TraceKey | null {
  const parts = key.split('/');
  const [prefix, service, incident, node, name] = parts;
  if (parts.length !== 5 || prefix !== 'traces') return null;
  if (service === undefined || incident === undefined || node === undefined || name === undefined)
    return null;
  if (![service, incident, node, name].every(isKeyPart)) return null;
  return { service, incident, node, name };
}

export function traceKey({ service, incident, node, name }: TraceKey): string {
  return TRACES_PREFIX + joinParts([service, incident, node, name]);
}

export function incidentTracesPrefix({ service, incident }: IncidentId): string {
  return `${TRACES_PREFIX}${joinParts([service, incident])}/`;
}

export function signaturesPrefix(service: string): string {
  return `${SIGNATURES_PREFIX}${joinParts([service])}/`;
}

export function signaturesKey(service: string, build: string): string {
  return `${SIGNATURES_PREFIX}${joinParts([service, build])}.json.gz`;
}

/** Both objects of a report: the full JSON and the page made from it. */
export function reportKeys(
  { service, incident, node }: Omit<TraceKey, 'name'>,
  report: string,
): { readonly json: string; readonly page: string } {
  const base = REPORTS_PREFIX + joinParts([service, incident, node, report]);
  return { json: `${base}/report.json`, page: `${base}/report.html` };
}

export function parseIncidentId(text: string): IncidentId | null {
  const [service, incident, ...rest] = text.split('/');
  if (service === undefined || incident === undefined || rest.length > 0) return null;
  return isKeyPart(service) && isKeyPart(incident) ? { service, incident } : null;
}

/** Prefix of the keys of all reports of an incident. */
export function incidentReportsPrefix(id: IncidentId): string {
  return `${REPORTS_PREFIX}${formatIncidentId(id)}/`;
}

export function formatIncidentId({ service, incident }: IncidentId): string {
  return `${service}/${incident}`;
}

function joinParts(parts: readonly string[]): string {
  for (const part of parts) {
    if (!isKeyPart(part))
      throw new KeyError(
        `expected a name of 1 to ${MAX_KEY_PART} characters from A-Z a-z 0-9 . _ = -, found ${JSON.stringify(part)}: rename it`,
      );
  }
  return parts.join('/');
}

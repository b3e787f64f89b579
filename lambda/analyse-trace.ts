/**
 * The use case behind every uploaded trace: load it, load its service's signatures, infer, save the report, tell the
 * incident. Safe to run any number of times and to die anywhere: each write either has the same content every time or
 * happens only once under a condition, and the notification comes last (progress-incident.ts).
 */

import type { NodeOutcome, NodeReport } from '../report/incident.ts';
import { beganBefore } from '../report/onset.ts';
import { writePage } from '../report/page.ts';
import type { Report } from '../report/report.ts';
import { shortPath } from '../report/short-path.ts';
import { traceFacts } from '../report/trace-facts.ts';
import { SignatureError } from '../signatures/errors.ts';
import { TraceError } from '../trace/errors.ts';
import type { Configuration } from './configuration.ts';
import {
  cutForItem,
  ITEM_SUSPECTS,
  ITEM_WARNINGS,
  onsetUnixSeconds,
  toNodeSuspect,
} from './incident/node-report.ts';
import { reportId } from './incident/report-id.ts';
import { parseTraceKey, reportKeys } from './keys.ts';
import { VERDICT_METRICS } from './metrics.ts';
import type { ChosenSignatures, Ports, StoredTrace } from './ports.ts';
import { progressIncident } from './progress-incident.ts';
import { tellOfUnreadable } from './unreadable-items.ts';

interface TraceRequest {
  readonly bucket: string;
  readonly key: string;
  /** Service of a trace whose key does not name it. */
  readonly service: string | null;
  /** Infer again although the trace has a report: signatures may be newer. */
  readonly again: boolean;
}

export interface Invocation {
  /** Unique to this invocation: tells its claims from others'. */
  readonly token: string;
  /** Fires early enough before the function's own end to still save what is known. */
  readonly deadline: AbortSignal;
}

export interface AnalysedTrace {
  readonly report: NodeReport;
  /** `known` where the trace had its report already. */
  readonly status: 'new' | 'replaced' | 'known';
}

export class RequestError extends Error {
  override readonly name = 'RequestError';
}

/** Bytes of a stored trace that are still taken: 90 s of a saturated server pack to about a tenth of 2 GB. */
export const MAX_TRACE_BYTES = 512 * 1024 * 1024;

export async function analyseTrace(
  ports: Ports,
  configuration: Configuration,
  request: TraceRequest,
  invocation: Invocation,
): Promise<AnalysedTrace> {
  const { traces, incidents, observer } = ports;
  const stored = await observer.stage('open', () => traces.open(request, invocation.deadline));
  try {
    const address = addressOf(request, reportId(stored));
    observer.about({ service: address.service, incident: address.incident, node: address.node });
    const found = await incidents.findReport(address, address.node, address.report);
    if (found?.kind === 'unreadable') tellOfUnreadable(observer, [found.item]);
    if (found?.kind === 'report' && found.report.outcome === 'complete' && !request.again) {
      observer.info('the trace has its report already', { report: address.report });
      await progressIncident(ports, configuration, found.report, invocation.token);
      return { report: found.report, status: 'known' };
    }
    const made = await makeReport(ports, stored, address, invocation.deadline);
    const replace = found !== null;
    const isNew = await incidents.saveReport(made.report, { replace });
    await progressIncident(ports, configuration, made.report, invocation.token);
    if (made.failure !== null) throw made.failure;
    return { report: made.report, status: replace ? 'replaced' : isNew ? 'new' : 'known' };
  } finally {
    stored.close();
  }
}

interface Address {
  readonly service: string;
  readonly incident: string;
  readonly node: string;
  readonly report: string;
}

function addressOf(request: TraceRequest, report: string): Address {
  const key = parseTraceKey(request.key);
  if (key !== null) return { service: key.service, incident: key.incident, node: key.node, report };
  if (request.service === null)
    throw new RequestError(
      `the key ${JSON.stringify(request.key)} does not name its service: expected traces/<service>/<incident>/<node>/<name>, or add "service" to the event`,
    );
  return { service: request.service, incident: `by-hand-${report}`, node: 'by-hand', report };
}

interface Made {
  readonly report: NodeReport;
  /** To be thrown once the report is safe, so that the event ends in the dead-letter queue. */
  readonly failure: Error | null;
}

async function makeReport(
  ports: Ports,
  stored: StoredTrace,
  address: Address,
  deadline: AbortSignal,
): Promise<Made> {
  const { observer } = ports;
  let facts = '';
  try {
    if (stored.sizeBytes > MAX_TRACE_BYTES)
      throw new TraceError(
        `the stored trace has ${stored.sizeBytes} bytes, more than the ${MAX_TRACE_BYTES} that are taken: ship a shorter window`,
      );
    const [signatures, trace] = await Promise.all([
      chooseSignatures(ports, address.service, stored.build),
      observer.stage('read', () => ports.reader.read(stored, deadline)),
    ]);
    observer.count('SystemCalls', trace.length);
    // Before inference: its thread takes the columns with it.
    facts = traceFacts(trace);
    const inferred = await observer.stage('infer', () =>
      ports.inference.run(trace, signatures.chosen?.set ?? null, deadline),
    );
    const report = withWarning(inferred, address.service, signatures.warning);
    return { report: await saveObjects(ports, stored, address, report), failure: null };
  } catch (error) {
    if (deadline.aborted) return unfinished(stored, address, facts, 'Time');
    if (isOutOfMemory(error)) return unfinished(stored, address, facts, 'Memory');
    if (error instanceof TraceError)
      return { report: withoutVerdict('unreadable', error.message, stored, address), failure: error };
    throw error;
  }
}

async function saveObjects(
  ports: Ports,
  stored: StoredTrace,
  address: Address,
  report: Report,
): Promise<NodeReport> {
  const { observer, reports } = ports;
  const keys = reportKeys(address, address.report);
  await observer.stage('save', () =>
    Promise.all([
      reports.save({
        key: keys.json,
        body: `${JSON.stringify(report, null, 2)}\n`,
        contentType: 'application/json',
      }),
      reports.save({
        key: keys.page,
        body: writePage(report, { node: address.node, incident: address.incident }),
        contentType: 'text/html; charset=utf-8',
      }),
    ]),
  );
  observer.count('LostEvents', report.window.lost);
  observer.count('Suspects', report.suspects.length);
  observer.count(VERDICT_METRICS[report.verdict], 1);
  return {
    ...address,
    outcome: 'complete',
    verdict: report.verdict,
    confidence: report.confidence,
    summary: cutForItem(report.summary),
    build: report.build,
    onsetUnixSeconds: onsetUnixSeconds(report, stored.clockOffsetSeconds),
    onsetBeforeEndSeconds: report.onset === null ? null : report.window.end - report.onset,
    onsetBeforeWindow: beganBefore(report.onset, report.window.start),
    suspects: report.suspects.slice(0, ITEM_SUSPECTS).map(toNodeSuspect),
    narrowing: report.narrowing,
    path: shortPath(report).map(cutForItem),
    warnings: report.warnings.slice(0, ITEM_WARNINGS).map(cutForItem),
    trace: { bucket: stored.bucket, key: stored.key, etag: stored.etag },
    reportKey: keys.json,
    pageKey: keys.page,
    tracedAt: stored.storedAt,
  };
}

interface Signatures {
  readonly chosen: ChosenSignatures | null;
  /** What the reader of the report must know about the choice; null where it is the trace's own build. */
  readonly warning: string | null;
}

/** A missing or broken set costs the functions' names, not the report: units and path stand without it. */
async function chooseSignatures(ports: Ports, service: string, build: string | null): Promise<Signatures> {
  let chosen: ChosenSignatures | null;
  try {
    chosen = await ports.observer.stage('signatures', () => ports.signatures.choose(service, build));
  } catch (error) {
    if (!(error instanceof SignatureError)) throw error;
    ports.observer.error('a published signature set cannot be read', { error });
    return {
      chosen: null,
      warning: `The published signatures of ${service} cannot be read (${error.message}), so no functions can be named: mine and publish them again, then run this trace again.`,
    };
  }
  if (chosen === null)
    return {
      chosen,
      warning: `No signatures of ${service} are published, so no functions can be named: run \`perfscope mine\` on profiles of it, then \`perfscope publish\`, and run this trace again.`,
    };
  if (chosen.exact) return { chosen, warning: null };
  return {
    chosen,
    warning: `The trace's build is ${build ?? 'not known'}; the newest signatures, of build ${chosen.build}, were used: functions that changed since may be missed.`,
  };
}

function withWarning(report: Report, service: string, warning: string | null): Report {
  return { ...report, service, warnings: warning === null ? report.warnings : [warning, ...report.warnings] };
}

/** The inference thread has a heap of its own: when that is full, this thread still stands. */
function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
}

function unfinished(stored: StoredTrace, address: Address, facts: string, lacking: 'Time' | 'Memory'): Made {
  const report = withoutVerdict(
    'unfinished',
    `${lacking} ran out before the analysis ended. ${facts} Give the function more memory (which brings CPU) or a longer timeout and run the incident again, or run \`perfscope infer\` on the trace.`,
    stored,
    address,
  );
  return { report, failure: new RequestError(report.summary) };
}

function withoutVerdict(
  outcome: Exclude<NodeOutcome, 'complete'>,
  summary: string,
  stored: StoredTrace,
  address: Address,
): NodeReport {
  return {
    ...address,
    outcome,
    verdict: null,
    confidence: null,
    summary,
    build: stored.build,
    onsetUnixSeconds: null,
    onsetBeforeEndSeconds: null,
    onsetBeforeWindow: false,
    suspects: [],
    narrowing: { suspects: 0, functions: 0 },
    path: [],
    warnings: [],
    trace: { bucket: stored.bucket, key: stored.key, etag: stored.etag },
    reportKey: null,
    pageKey: null,
    tracedAt: stored.storedAt,
  };
}

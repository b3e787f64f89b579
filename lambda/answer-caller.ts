/** From what a caller wants to the use case that does it, and the answer that the caller sees. */

import { writeReportText } from '../report/notification.ts';
import { type AnalysedTrace, analyseTrace, type Invocation } from './analyse-trace.ts';
import type { Configuration } from './configuration.ts';
import { ACCEPTED_SHAPES } from './events/accepted.ts';
import type { Caller } from './events/caller.ts';
import { followUpIncident } from './follow-up-incident.ts';
import { formatIncidentId } from './keys.ts';
import { openIncident } from './open-incident.ts';
import type { Ports } from './ports.ts';
import { rerunIncident } from './rerun-incident.ts';

/** What SQS takes as "these failed, the others are done". */
export interface BatchAnswer {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
}

export type Answer = BatchAnswer | { readonly ok: boolean; readonly [field: string]: unknown };

export async function answerCaller(
  ports: Ports,
  configuration: Configuration,
  caller: Caller,
  invocation: Invocation,
): Promise<Answer> {
  switch (caller.kind) {
    case 'trace-stored': {
      const request = { bucket: caller.bucket, key: caller.key, service: null, again: false };
      return describe(await analyseTrace(ports, configuration, request, invocation));
    }
    case 'ad-hoc-trace': {
      const request = { bucket: caller.bucket, key: caller.key, service: caller.service, again: true };
      const analysed = await analyseTrace(ports, configuration, request, invocation);
      return { ...describe(analysed), text: writeReportText(analysed.report, configuration).split('\n') };
    }
    case 'ad-hoc-incident': {
      const { analysed, failed } = await rerunIncident(ports, configuration, caller, invocation);
      const answer = { incident: formatIncidentId(caller), traces: analysed.map(describe) };
      if (failed.length === 0) return { ok: true, ...answer };
      const all = analysed.length + failed.length;
      return { ok: false, problem: `${failed.length} of ${all} traces have no verdict`, failed, ...answer };
    }
    case 'alarm': {
      const id = await openIncident(ports, configuration, caller, invocation);
      return { ok: true, incident: formatIncidentId(id) };
    }
    case 'alarm-calm':
      return {
        ok: true,
        ignored: `the alarm ${caller.alarmName} went to ${caller.state}: only ALARM opens an incident`,
      };
    case 'follow-up':
      return { ok: true, progress: await followUpIncident(ports, configuration, caller, invocation) };
    case 'receipt':
      await ports.incidents.markDone(caller, caller.step, caller.messageId);
      return { ok: true, receipt: caller.messageId };
    case 'batch':
      return answerBatch(ports, configuration, caller.records, invocation);
    case 'help':
      return { ok: true, accepts: ACCEPTED_SHAPES };
    case 'unknown':
      ports.observer.warn('an event of no accepted shape came in', { fields: caller.fields });
      return {
        ok: false,
        problem: `this event has none of the accepted shapes; its top-level fields are: ${caller.fields.join(', ') || 'none'}`,
        accepts: ACCEPTED_SHAPES,
      };
  }
}

/** One bad record does not hold up the others; SQS delivers it again and in the end moves it to the dead letters. */
async function answerBatch(
  ports: Ports,
  configuration: Configuration,
  records: readonly { readonly messageId: string; readonly caller: Caller }[],
  invocation: Invocation,
): Promise<BatchAnswer> {
  const batchItemFailures: { itemIdentifier: string }[] = [];
  for (const { messageId, caller } of records) {
    try {
      const answer = await answerCaller(ports, configuration, caller, invocation);
      if ('ok' in answer && !answer.ok) throw new Error(String(answer.problem));
    } catch (error) {
      ports.observer.error('a record of the follow-up queue failed', { messageId, error });
      batchItemFailures.push({ itemIdentifier: messageId });
    }
  }
  return { batchItemFailures };
}

function describe({ report, status }: AnalysedTrace) {
  return {
    ok: true,
    status,
    incident: formatIncidentId(report),
    node: report.node,
    report: report.report,
    outcome: report.outcome,
    verdict: report.verdict,
    summary: report.summary,
    suspects: report.suspects.map((suspect) => suspect.function),
    reportKey: report.reportKey,
    pageKey: report.pageKey,
  };
}

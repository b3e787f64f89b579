/** A notification as the function writes it, from the reports of an incident's nodes. */
import type { Configuration } from '../../lambda/configuration.ts';
import { type NodeReport, toNodeSuspect } from '../../lambda/incident/node-report.ts';
import { drawPicture } from '../../lambda/incident/picture.ts';
import type { IncidentState } from '../../lambda/ports.ts';
import { writeNotification } from '../../report/notification.ts';
import type { Report } from '../../report/report.ts';
import { shortPath } from '../../report/short-path.ts';

const configuration: Configuration = {
  region: 'eu-central-1',
  tracesBucket: 'my-traces',
  signaturesBucket: 'my-traces',
  reportsBucket: 'my-reports',
  incidentsTable: 'incidents',
  topicArn: 'arn:aws:sns:eu-central-1:123456789012:findings',
  followUpsQueueUrl: 'https://sqs.eu-central-1.amazonaws.com/123456789012/follow-ups',
  shipDocument: null,
  nodeTag: 'perfscope:service',
  alarmServices: new Map(),
  runbookUrl: 'https://runbooks.example.com/lighttpd',
  settleSeconds: 180,
  followUpSeconds: 60,
  retentionDays: 90,
};

const step = { state: 'open', claimedUntil: 0, outcome: null, reports: 0 } as const;

export function nodeReport(report: Report, more: Partial<NodeReport> = {}): NodeReport {
  return {
    service: 'lighttpd',
    incident: 'p99-20261123T021500Z',
    node: 'web-7',
    report: 'abc',
    outcome: 'complete',
    verdict: report.verdict,
    confidence: report.confidence,
    summary: report.summary,
    build: report.build,
    onsetUnixSeconds: Date.parse('2026-11-23T02:10:55Z') / 1000,
    onsetBeforeEndSeconds: 19.2,
    suspects: report.suspects.map(toNodeSuspect),
    narrowing: report.narrowing,
    path: shortPath(report),
    warnings: report.warnings,
    trace: {
      bucket: 'my-traces',
      key: 'traces/lighttpd/p99-20261123T021500Z/web-7/trace.dat.zst',
      etag: 'e',
    },
    reportKey: 'reports/lighttpd/p99/web-7/abc/report.json',
    pageKey: 'reports/lighttpd/p99/web-7/abc/report.html',
    tracedAt: '2026-11-23T02:15:10.000Z',
    ...more,
  };
}

export function notify(
  reports: readonly NodeReport[],
  message: 'first' | 'final' = 'first',
  alarm: IncidentState['alarm'] = null,
) {
  const state: IncidentState = {
    id: { service: 'lighttpd', incident: 'p99-20261123T021500Z' },
    alarm,
    foundAt: null,
    steps: { ship: step, first: step, final: step },
    reports,
  };
  return writeNotification({
    configuration,
    state,
    picture: drawPicture(reports),
    step: message,
    settled: false,
  });
}

/** A notification as the function writes it, from the reports of an incident's nodes. */
import { toNodeSuspect } from '../../lambda/incident/node-report.ts';
import { drawPicture } from '../../lambda/incident/picture.ts';
import type { NodeReport } from '../../report/incident.ts';
import { type NotificationFacts, writeNotification } from '../../report/notification.ts';
import type { Report } from '../../report/report.ts';
import { shortPath } from '../../report/short-path.ts';

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
    onsetBeforeWindow: false,
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
  alarm: NotificationFacts['alarm'] = null,
) {
  return writeNotification({
    service: 'lighttpd',
    incident: 'p99-20261123T021500Z',
    alarm,
    place: { region: 'eu-central-1', reportsBucket: 'my-reports' },
    pagesPrefix: 'reports/lighttpd/p99-20261123T021500Z/',
    runbookUrl: 'https://runbooks.example.com/lighttpd',
    picture: drawPicture(reports),
    step: message,
    settled: false,
  });
}

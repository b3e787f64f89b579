/** The notification as the on-call engineer reads it, in a plain mail on a phone at night: what, where, since, do. */

import { adviceFor } from './advice.ts';
import { count, percent, plural, ratio, seconds, utc } from './figures.ts';
import type { NodeReport, NodeSuspect } from './incident.ts';
import { nodesIn, type Picture, type PictureSuspect } from './incident.ts';
import { consoleLink, objectAddress } from './links.ts';
import { plain, toSubject, wrap } from './plain.ts';
import type { Verdict } from './report.ts';

const WIDTH = 76;

/** Suspects in the text; the page shows all. */
const TEXT_SUSPECTS = 5;

/** Nodes listed by name per line; more are counted. */
const LISTED_NODES = 8;

/**
 * Body and attributes together may have 262,144 bytes (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html);
 * a mail beyond this is not read at night anyway.
 */
export const MAX_BODY_CHARACTERS = 20_000;

export interface Notification {
  readonly subject: string;
  readonly body: string;
  /** For the subscriptions' filter policies. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** Where reports are stored. */
export interface ReportPlace {
  readonly region: string;
  readonly reportsBucket: string;
}

export interface NotificationFacts {
  readonly service: string;
  readonly incident: string;
  /** Null where the traces came without an alarm. */
  readonly alarm: { readonly name: string; readonly reason: string } | null;
  readonly place: ReportPlace;
  /** Prefix of the keys of all nodes' pages of the incident. */
  readonly pagesPrefix: string;
  readonly runbookUrl: string | null;
  readonly picture: Picture;
  readonly step: 'first' | 'final';
  readonly settled: boolean;
}

export function writeNotification(facts: NotificationFacts): Notification {
  const { service, incident, place, runbookUrl, picture, step } = facts;
  const leading = picture.suspects[0];
  const subject = toSubject(
    `${step === 'final' ? 'Final: ' : ''}${picture.verdict} in ${service}${leading === undefined ? '' : `: ${leading.function}`} (${scopeInShort(picture)})`,
  );
  const lines = [
    ...heading(picture, service),
    '',
    ...factLines(facts),
    '',
    ...suspectLines(picture.suspects, picture.worst),
    ...pathLines(picture.worst),
    '',
    'WHAT TO DO NOW',
    ...adviceFor(picture.verdict, picture.scope).flatMap((line, index) => item(`${index + 1}. `, line)),
    ...(runbookUrl === null ? [] : [`   Runbook: ${runbookUrl}`]),
    '',
    ...linkLines(picture.worst, place),
    ...otherPages(facts),
    '',
    ...warningLines(picture.worst),
    ...wrap(whatComesNext(facts), WIDTH, ''),
  ];
  return {
    subject,
    body: lines.join('\n').slice(0, MAX_BODY_CHARACTERS),
    attributes: { service, incident, step, verdict: picture.verdict, severity: severityOf(picture) },
  };
}

/** One node's report as text: the answer to an ad-hoc call. */
export function writeReportText(report: NodeReport, place: ReportPlace): string {
  if (report.verdict === null) return `${plain(report.summary)}\n`;
  return [
    ...wrap(plain(report.summary), WIDTH, ''),
    '',
    fact('Verdict', `${report.verdict} (${report.confidence} confidence)`),
    fact('Service', serviceAndBuild(report.service, report)),
    fact('Node', report.node),
    ...(report.verdict === 'normal' ? [] : item(label('Since'), since(report))),
    '',
    ...suspectLines(report.suspects, report),
    ...pathLines(report),
    '',
    ...linkLines(report, place),
    '',
    ...warningLines(report),
  ].join('\n');
}

/** For subscriptions' filter policies: who is woken by what. */
type Severity = 'critical' | 'high' | 'medium';

const SEVERITY: Readonly<Record<Verdict, Severity>> = {
  hang: 'high',
  spin: 'high',
  slowdown: 'medium',
  normal: 'medium',
};

function severityOf({ scope, confidence, verdict }: Picture): Severity {
  if (scope === 'fleet') return 'critical';
  return confidence === 'low' ? 'medium' : SEVERITY[verdict];
}

function heading(picture: Picture, service: string): string[] {
  const leading = picture.suspects[0];
  const group = leading === undefined ? [] : leading.collidesWith;
  const suspected =
    leading === undefined
      ? 'no function can be named'
      : group.length === 0
        ? `most likely in ${plain(leading.function)}`
        : `most likely in ${plain(leading.function)} or one of ${plural(group.length, 'function')} like it`;
  return wrap(`${capital(picture.verdict)} in ${service}: ${suspected}.`, WIDTH, '');
}

function factLines({ service, incident, alarm, picture }: NotificationFacts): string[] {
  const { worst } = picture;
  return [
    fact(
      'Verdict',
      `${picture.verdict}${picture.confidence === null ? '' : ` (${picture.confidence} confidence)`}`,
    ),
    fact('Service', serviceAndBuild(service, worst)),
    fact('Scope', scopeInWords(picture)),
    ...(picture.affected.length > 1 ? [fact('Affected', nodeList(picture.affected))] : []),
    ...(picture.healthy.length > 0 ? [fact('Healthy', nodeList(picture.healthy))] : []),
    ...(picture.failed.length > 0 ? [fact('No verdict', nodeList(picture.failed))] : []),
    ...(worst === null ? [] : item(label('Since'), since(worst))),
    ...(picture.first === null || picture.affected.length < 2
      ? []
      : [fact('First on', `${picture.first.node}, ${utc(picture.first.onsetUnixSeconds)}`)]),
    ...(alarm === null ? [] : item(label('Alarm'), `${alarm.name}: ${alarm.reason}`)),
    fact('Incident', `${service}/${incident}`),
    ...(worst === null || worst.summary === '' ? [] : ['', ...wrap(plain(worst.summary), WIDTH, '')]),
  ];
}

function suspectLines(
  suspects: readonly (NodeSuspect | PictureSuspect)[],
  report: NodeReport | null,
): string[] {
  if (report === null || suspects.length === 0) return ['SUSPECTS', '  none'];
  const { narrowing } = report;
  const narrowed =
    narrowing.functions === 0
      ? ''
      : ` (${count(narrowing.suspects)} of ${plural(narrowing.functions, 'function')}, ${percent(narrowing.suspects / narrowing.functions)})`;
  return [`SUSPECTS${narrowed}`, ...suspects.slice(0, TEXT_SUSPECTS).flatMap(suspectText)];
}

function suspectText(suspect: NodeSuspect | PictureSuspect, index: number): string[] {
  const where =
    suspect.object === '' ? '' : ` in ${plain(suspect.object.split('/').at(-1) ?? suspect.object)}`;
  const nodes =
    'nodes' in suspect && suspect.nodes.length > 1 ? `, on ${plural(suspect.nodes.length, 'node')}` : '';
  return [
    ...item(
      `${index + 1}. `,
      `${plain(suspect.function)}${where}, ${suspect.abnormality === null ? '' : `${ratio(suspect.abnormality)} normal, `}${suspect.confidence} confidence${nodes}`,
    ),
    ...wrap(plain(suspect.evidence), WIDTH, '   '),
    ...(suspect.collidesWith.length === 0
      ? []
      : wrap(`Not told apart from: ${suspect.collidesWith.map(plain).join(', ')}`, WIDTH, '   ')),
  ];
}

function pathLines(report: NodeReport | null): string[] {
  if (report === null || report.path.length === 0) return [];
  return ['', 'PATH (seconds from the onset)', ...report.path.flatMap((line) => item('  ', plain(line)))];
}

function linkLines(report: NodeReport | null, { region, reportsBucket }: ReportPlace): string[] {
  if (report?.pageKey == null || report.reportKey === null) return [];
  const trace = objectAddress(report.trace.bucket, report.trace.key);
  return [
    'PAGE AND REPORT',
    `  ${consoleLink(region, reportsBucket, report.pageKey)}`,
    `  aws s3 cp ${objectAddress(reportsBucket, report.pageKey)} .`,
    `  aws s3 cp ${objectAddress(reportsBucket, report.reportKey)} .`,
    '',
    'RUN IT AGAIN',
    `  Lambda console, test event: ${JSON.stringify({ trace })}`,
    `  aws s3 cp ${trace} . && perfscope infer ${report.trace.key.split('/').at(-1)} --signatures FILE`,
  ];
}

/** The page shown is the worst node's; each of the others has one too. */
function otherPages({ picture, place, pagesPrefix }: NotificationFacts): string[] {
  if (nodesIn(picture) < 2) return [];
  const all = objectAddress(place.reportsBucket, pagesPrefix);
  return ['', 'PAGES OF ALL NODES', `  aws s3 ls --recursive ${all}`];
}

function warningLines(report: NodeReport | null): string[] {
  if (report === null || report.warnings.length === 0) return [];
  return ['WORTH KNOWING', ...report.warnings.flatMap((line) => item('- ', plain(line))), ''];
}

function whatComesNext({ step, settled, picture }: NotificationFacts): string {
  if (step === 'final')
    return `This is the last message of this incident; it covers ${plural(nodesIn(picture), 'node')}.`;
  return settled
    ? 'All nodes that were asked have reported: no further message follows.'
    : 'If other nodes report, one final message follows with the whole picture. Otherwise this is the only one.';
}

function scopeInShort(picture: Picture): string {
  const judged = picture.affected.length + picture.healthy.length;
  const [node] = picture.affected;
  return picture.affected.length === 1 && node !== undefined
    ? `node ${node}`
    : `${picture.affected.length} of ${plural(judged, 'node')}`;
}

function scopeInWords(picture: Picture): string {
  const judged = picture.affected.length + picture.healthy.length;
  const [node = ''] = picture.affected;
  switch (picture.scope) {
    case 'none':
      return 'no node is affected';
    case 'unknown':
      return `node ${node} (the only one that has reported so far)`;
    case 'one-node':
      return `a single sick node: ${node}, of ${judged} that have reported`;
    case 'several-nodes':
      return `${picture.affected.length} of ${judged} nodes that have reported`;
    case 'fleet':
      return `fleet-wide: ${picture.affected.length} of ${judged} nodes that have reported`;
  }
}

function since(report: NodeReport): string {
  const { onsetBeforeEndSeconds, onsetBeforeWindow, onsetUnixSeconds, tracedAt } = report;
  const beforeEnd = onsetBeforeEndSeconds === null ? null : seconds(onsetBeforeEndSeconds);
  const stored = `the trace was stored at ${utc(Date.parse(tracedAt) / 1000)}`;
  if (beforeEnd === null) return `not known; ${stored}`;
  if (onsetBeforeWindow)
    return onsetUnixSeconds === null
      ? `before the window began, ${beforeEnd} before its end; ${stored}`
      : `before ${utc(onsetUnixSeconds)}, when the window began`;
  return onsetUnixSeconds === null
    ? `${beforeEnd} before the window's end; ${stored}`
    : `${utc(onsetUnixSeconds)}, ${beforeEnd} before the window's end`;
}

function serviceAndBuild(service: string, report: NodeReport | null): string {
  return report?.build == null ? service : `${service}, build ${plain(report.build)}`;
}

function nodeList(nodes: readonly string[]): string {
  const listed = nodes.slice(0, LISTED_NODES).join(', ');
  return nodes.length > LISTED_NODES ? `${listed} and ${nodes.length - LISTED_NODES} more` : listed;
}

function label(name: string): string {
  return `${name.padEnd(11)}`;
}

function fact(name: string, value: string): string {
  return label(name) + plain(value);
}

/** A marker, then text that continues under itself. */
function item(marker: string, text: string): string[] {
  const [first = '', ...rest] = wrap(plain(text), WIDTH, ' '.repeat(marker.length));
  return [marker + first.trimStart(), ...rest];
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

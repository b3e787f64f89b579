/** Puts the adapters behind the ports. The only place that knows all of them. */
import type { Configuration } from './configuration.ts';
import { createInferenceThread } from './inference-thread.ts';
import type { Clock, Observer, Ports } from './ports.ts';
import type { Clients } from './stores/clients.ts';
import { createIncidentStore } from './stores/dynamodb-incidents.ts';
import { createReportStore } from './stores/s3-reports.ts';
import { createSignatureSource } from './stores/s3-signatures.ts';
import { createTraceSource } from './stores/s3-traces.ts';
import { createNotifier } from './stores/sns-notifier.ts';
import { createFollowUps } from './stores/sqs-follow-ups.ts';
import { createNodeCommander } from './stores/ssm-nodes.ts';
import { createTraceReader } from './trace-reader.ts';

const systemClock: Clock = { now: () => Date.now() };

export function wirePorts(
  configuration: Configuration,
  clients: Clients,
  observer: Observer,
  clock: Clock = systemClock,
): Ports {
  return {
    traces: createTraceSource(clients.s3),
    reader: createTraceReader(),
    signatures: createSignatureSource(clients.s3, configuration.signaturesBucket),
    inference: createInferenceThread(),
    reports: createReportStore(clients.s3, configuration.reportsBucket),
    incidents: createIncidentStore(
      clients.dynamodb,
      { table: configuration.incidentsTable, retentionDays: configuration.retentionDays },
      clock,
    ),
    notifier: createNotifier(clients.sns, configuration.topicArn),
    followUps: createFollowUps(clients.sqs, configuration.followUpsQueueUrl),
    nodes: createNodeCommander(clients.ssm, {
      document: configuration.shipDocument,
      nodeTag: configuration.nodeTag,
    }),
    observer,
    clock,
  };
}

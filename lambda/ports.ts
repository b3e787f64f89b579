/**
 * What the function needs from the outside, one small type per neighbour. stores/ fills them with AWS clients, which
 * talk to AWS or, on one machine, to fauxqs and dynalite; the use cases see only these.
 */

import type { NodeReport, Picture } from '../report/incident.ts';
import type { Notification } from '../report/notification.ts';
import type { Report } from '../report/report.ts';
import type { SignatureSet } from '../signatures/signature-set.ts';
import type { Trace } from '../trace/trace.ts';
import type { IncidentId } from './keys.ts';
import type { CountMetric, Stage } from './metrics.ts';

export interface StoredTrace {
  readonly bucket: string;
  readonly key: string;
  readonly etag: string;
  readonly sizeBytes: number;
  /** When S3 stored it, ISO 8601. */
  readonly storedAt: string;
  /** Build of the service, where the shipper knew it. */
  readonly build: string | null;
  /** Seconds to add to the trace's own clock to get Unix time; null where no clock pair was shipped. */
  readonly clockOffsetSeconds: number | null;
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Ends the transfer; harmless when all was read. */
  readonly close: () => void;
}

export interface TraceSource {
  open(
    location: { readonly bucket: string; readonly key: string },
    signal: AbortSignal,
  ): Promise<StoredTrace>;
  /** Keys of an incident's traces, in key order. */
  list(bucket: string, prefix: string): Promise<readonly string[]>;
}

export interface ChosenSignatures {
  readonly set: SignatureSet;
  readonly build: string;
  /** False where the trace's build has no set of its own (or is not known) and the newest one stands in. */
  readonly exact: boolean;
}

export interface SignatureSource {
  /** Null where the service has no signature set at all. */
  choose(service: string, build: string | null): Promise<ChosenSignatures | null>;
}

export interface ReportStore {
  save(object: { readonly key: string; readonly body: string; readonly contentType: string }): Promise<void>;
}

/** The three effects of an incident that must happen once: ask the nodes, first and final notification. */
export type IncidentStep = 'ship' | 'first' | 'final';

export interface StepState {
  readonly state: 'open' | 'claimed' | 'done';
  /** Unix milliseconds until which a claim holds. */
  readonly claimedUntil: number;
  /** What the effect gave back: a message id or a command id. */
  readonly outcome: string | null;
  /** Node reports that the effect knew of. */
  readonly reports: number;
}

export interface IncidentAlarm {
  readonly name: string;
  readonly reason: string;
  /** The state change's own time, ISO 8601 in UTC. */
  readonly at: string;
  /** Instances that it names; empty where it stands for the whole service. */
  readonly instances: readonly string[];
}

export interface IncidentState {
  readonly id: IncidentId;
  /** Null where the traces came without an alarm. */
  readonly alarm: IncidentAlarm | null;
  /** Unix milliseconds of the first finding; null before. */
  readonly foundAt: number | null;
  readonly steps: Readonly<Record<IncidentStep, StepState>>;
  readonly reports: readonly NodeReport[];
  readonly unreadable: readonly UnreadableItem[];
}

/** An item of another version, or a damaged one. The rest of the incident stands without it. */
export interface UnreadableItem {
  /** Its sort key. */
  readonly key: string;
  /** The node whose report it was; null where it held none. */
  readonly node: string | null;
  readonly problem: string;
}

export type StoredReport =
  | { readonly kind: 'report'; readonly report: NodeReport }
  | { readonly kind: 'unreadable'; readonly item: UnreadableItem };

export interface IncidentStore {
  read(id: IncidentId): Promise<IncidentState>;
  findReport(id: IncidentId, node: string, report: string): Promise<StoredReport | null>;
  /** True where this call stored it; false where the trace has its report already (and `replace` was not asked). */
  saveReport(report: NodeReport, options: { readonly replace: boolean }): Promise<boolean>;
  /** Records the alarm, unless the incident has one already. */
  open(id: IncidentId, alarm: IncidentAlarm): Promise<void>;
  recordPicture(id: IncidentId, picture: Picture): Promise<void>;
  /** True where the caller now holds the step, and nobody else does until `until`. */
  claim(
    id: IncidentId,
    step: IncidentStep,
    claim: {
      readonly token: string;
      readonly now: number;
      readonly until: number;
      readonly reports: number;
    },
  ): Promise<boolean>;
  /** Ends the claim early: `until` may lie in the past (nothing happened) or shortly ahead (nobody knows). */
  shorten(
    id: IncidentId,
    step: IncidentStep,
    claim: { readonly token: string; readonly until: number },
  ): Promise<void>;
  markDone(id: IncidentId, step: IncidentStep, outcome: string): Promise<void>;
}

/** The message was refused and certainly not sent. */
export class NotificationRefused extends Error {
  override readonly name = 'NotificationRefused';
}

/** The connection broke before the answer: nobody knows yet whether the message was sent. */
export class NotificationUncertain extends Error {
  override readonly name = 'NotificationUncertain';
}

export interface Notifier {
  /** Gives the message id, or throws one of the two errors above. Never sends twice on its own. */
  publish(notification: Notification): Promise<string>;
}

export interface FollowUps {
  /** Lets the function look at the incident again after the delay. At least once. */
  schedule(id: IncidentId, delaySeconds: number): Promise<void>;
}

export interface ShipOrder {
  readonly id: IncidentId;
  /** The alarm's own time: the window ends there. ISO 8601. */
  readonly at: string;
  /** Instances that the alarm names; empty for all nodes of the service. */
  readonly instances: readonly string[];
}

export interface NodeCommander {
  /** Gives the command's id. */
  ship(order: ShipOrder): Promise<string>;
  /** Nodes that can still be expected to answer; null while that is not known. */
  expected(commandId: string): Promise<number | null>;
}

export interface InferenceRunner {
  /** Rejects with the signal's reason when it fires first. */
  run(trace: Trace, signatures: SignatureSet | null, signal: AbortSignal): Promise<Report>;
}

export interface TraceReader {
  read(stored: StoredTrace, signal: AbortSignal): Promise<Trace>;
}

export interface Observer {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** Adds fields to every later line of this invocation. */
  about(fields: Readonly<Record<string, string>>): void;
  count(name: CountMetric, value: number): void;
  /** Runs a stage, measures how long it took, and says which one failed. */
  stage<T>(name: Stage, run: () => Promise<T>): Promise<T>;
}

export interface Clock {
  /** Unix milliseconds. */
  now(): number;
}

export interface Ports {
  readonly traces: TraceSource;
  readonly reader: TraceReader;
  readonly signatures: SignatureSource;
  readonly inference: InferenceRunner;
  readonly reports: ReportStore;
  readonly incidents: IncidentStore;
  readonly notifier: Notifier;
  readonly followUps: FollowUps;
  readonly nodes: NodeCommander;
  readonly observer: Observer;
  readonly clock: Clock;
}

/** What the callers want, told apart by the event's shape: the one union that answer-caller.ts works on. */

export interface TraceStored {
  readonly kind: 'trace-stored';
  readonly bucket: string;
  readonly key: string;
}

export interface AlarmFired {
  readonly kind: 'alarm';
  readonly alarmArn: string;
  readonly alarmName: string;
  readonly reason: string;
  /** The state change's own time, ISO 8601 in UTC. */
  readonly at: string;
  /** EC2 instances that the alarm's metrics name, sorted. */
  readonly instances: readonly string[];
}

/** An alarm that went to OK or INSUFFICIENT_DATA. */
export interface AlarmCalm {
  readonly kind: 'alarm-calm';
  readonly alarmName: string;
  readonly state: string;
}

export interface AdHocTrace {
  readonly kind: 'ad-hoc-trace';
  readonly bucket: string;
  readonly key: string;
  /** Needed where the key does not name the service. */
  readonly service: string | null;
}

export interface AdHocIncident {
  readonly kind: 'ad-hoc-incident';
  readonly service: string;
  readonly incident: string;
}

export interface Help {
  readonly kind: 'help';
}

export interface FollowUp {
  readonly kind: 'follow-up';
  readonly service: string;
  readonly incident: string;
}

/** A copy of one of our own notifications, delivered by the topic: proof that it was sent. */
export interface Receipt {
  readonly kind: 'receipt';
  readonly service: string;
  readonly incident: string;
  readonly step: 'first' | 'final';
  readonly messageId: string;
}

/** Records from SQS, each with an event of any kind but this. */
interface Batch {
  readonly kind: 'batch';
  readonly records: readonly { readonly messageId: string; readonly caller: Caller }[];
}

interface Unknown {
  readonly kind: 'unknown';
  /** The event's top-level fields, for the answer. */
  readonly fields: readonly string[];
}

export type Caller =
  | TraceStored
  | AlarmFired
  | AlarmCalm
  | AdHocTrace
  | AdHocIncident
  | Help
  | FollowUp
  | Receipt
  | Batch
  | Unknown;

/** Every metric of the function: observer.ts counts them, the stack's alarms and dashboard show them. */
import type { Verdict } from '../inference/verdict.ts';

export const METRICS_NAMESPACE = 'PerfScope';
/** The value of the dimension `service`, which Powertools gives each metric. */
export const METRICS_SERVICE = 'perfscope';

/** Milliseconds that a stage took. */
export const STAGE_METRICS = {
  open: 'OpenDuration',
  signatures: 'SignaturesDuration',
  read: 'ReadDuration',
  infer: 'InferDuration',
  save: 'SaveDuration',
  ship: 'ShipDuration',
  first: 'FirstDuration',
  final: 'FinalDuration',
} as const;

export type Stage = keyof typeof STAGE_METRICS;

/** One for each report with that verdict. */
export const VERDICT_METRICS = {
  hang: 'VerdictHang',
  spin: 'VerdictSpin',
  slowdown: 'VerdictSlowdown',
  normal: 'VerdictNormal',
} as const satisfies Record<Verdict, string>;

export const COUNT_METRICS = [
  'Events',
  'SystemCalls',
  'LostEvents',
  'Suspects',
  'IncidentsWithoutTrace',
  'UnreadableItems',
] as const;

export type CountMetric = (typeof COUNT_METRICS)[number] | (typeof VERDICT_METRICS)[Verdict];

/** Counted by Powertools itself, by function as well: https://docs.powertools.aws.dev/lambda/typescript/latest/features/metrics/ */
export const COLD_START_METRIC = 'ColdStart';

export type MetricName = CountMetric | (typeof STAGE_METRICS)[Stage] | typeof COLD_START_METRIC;

/**
 * The report, schema `perfscope.report/1`: what inference gives, and all that the
 * notification, the page and the table are made from. Plain data; every number can be traced to calls.
 */

import type { Confidence, Verdict } from '../inference/verdict.ts';

export const REPORT_SCHEMA = 'perfscope.report/1';

export type { Confidence, Verdict } from '../inference/verdict.ts';

export interface Suspect {
  /** 1-based; members of one collision group follow each other. */
  readonly rank: number;
  /** Function name as in the profile (tier marks removed). */
  readonly function: string;
  /** Binary, module or source file. */
  readonly object: string;
  /** Other functions that no evidence tells apart from this one. */
  readonly collidesWith: readonly string[];
  /** How far what lies under it is from its own normal, as a ratio (2 = twice the normal); null where normal runs show nothing to compare with. */
  readonly abnormality: number | null;
  readonly confidence: Confidence;
  /** Why this function, by counts of calls. */
  readonly evidence: string;
  /** Ids of the abnormal units it explains, into `Report.units`. */
  readonly units: readonly number[];
  /** Relative score, 1 for the first suspect. */
  readonly score: number;
}

export interface UnitReport {
  readonly id: number;
  readonly thread: { readonly pid: number; readonly tid: number; readonly comm: string };
  /** Seconds in the trace's own clock. */
  readonly start: number;
  /** Seconds; null while the unit had not ended when the window closed. */
  readonly duration: number | null;
  readonly calls: number;
  readonly cluster: number;
  /** Ratio to the cluster's normal. */
  readonly abnormality: number;
  /** Plain words: "execution time 41× its cluster's normal". */
  readonly why: string;
}

export interface ClusterReport {
  readonly id: number;
  /** Call names that appear in its units. */
  readonly calls: readonly string[];
  readonly units: number;
  readonly abnormalUnits: number;
  /** Units per second before and after the onset; null where there is no such side. */
  readonly ratePerSecondBefore: number | null;
  readonly ratePerSecondAfter: number | null;
  /** Seconds. */
  readonly medianDuration: number;
}

export interface PathStep {
  /** Seconds in the trace's own clock. */
  readonly time: number;
  readonly thread: { readonly pid: number; readonly tid: number; readonly comm: string };
  /** Calls in order with their result class, such as `read→EAGAIN`; a folded loop is one step. */
  readonly calls: readonly string[];
  /** How often in a row `calls` was repeated. */
  readonly repeat: number;
  /** Seconds that the step took in all; null while open. */
  readonly duration: number | null;
  /** Who woke this thread for this step, where visible. */
  readonly wokenBy: { readonly tid: number; readonly comm: string } | null;
}

export interface Report {
  readonly schema: typeof REPORT_SCHEMA;
  readonly verdict: Verdict;
  readonly confidence: Confidence;
  /** One or two plain sentences: what happened, since when. */
  readonly summary: string;
  /** Seconds in the trace's own clock, or null. */
  readonly onset: number | null;
  readonly service: string | null;
  readonly build: string | null;
  readonly suspects: readonly Suspect[];
  readonly narrowing: { readonly suspects: number; readonly functions: number };
  readonly window: {
    readonly start: number;
    readonly end: number;
    readonly calls: number;
    readonly lost: number;
    readonly threads: number;
    readonly format: string;
  };
  /** Share (0…1) of the calls before the onset (without one, of all) that the signatures know; null without signatures. */
  readonly coverage: number | null;
  readonly units: readonly UnitReport[];
  readonly clusters: readonly ClusterReport[];
  readonly path: readonly PathStep[];
  readonly warnings: readonly string[];
}

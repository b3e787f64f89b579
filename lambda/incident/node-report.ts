/** What one node's trace contributed to its incident: the DynamoDB item beside the full report in S3. */
import type { Confidence, Report, Suspect, Verdict } from '../../report/report.ts';

/**
 * `complete`: a report was made. `unfinished`: time or memory ran out before inference ended.
 * `unreadable`: the trace or its signature set could not be read. The last two carry no verdict.
 */
export type NodeOutcome = 'complete' | 'unfinished' | 'unreadable';

/** Suspects kept per node in the item; the full list is in the S3 report. Keeps items far below 400 KB. */
export const ITEM_SUSPECTS = 10;
/** Warnings kept per node in the item. */
export const ITEM_WARNINGS = 5;
/** Characters kept of a text from a trace (function names of templates reach kilobytes). */
export const ITEM_TEXT = 500;

export interface NodeSuspect {
  readonly function: string;
  readonly object: string;
  readonly collidesWith: readonly string[];
  readonly abnormality: number | null;
  readonly confidence: Confidence;
  readonly evidence: string;
}

export interface NodeReport {
  readonly service: string;
  readonly incident: string;
  readonly node: string;
  /** Content-derived id of the trace (report-id.ts). */
  readonly report: string;
  readonly outcome: NodeOutcome;
  /** Null unless `outcome` is `complete`. */
  readonly verdict: Verdict | null;
  readonly confidence: Confidence | null;
  readonly summary: string;
  readonly build: string | null;
  /** Onset in Unix seconds, where the trace came with a clock pair; null otherwise. */
  readonly onsetUnixSeconds: number | null;
  /** Onset in seconds before the window's end; null where there is none. */
  readonly onsetBeforeEndSeconds: number | null;
  readonly suspects: readonly NodeSuspect[];
  readonly narrowing: { readonly suspects: number; readonly functions: number };
  /** The path in short, one line a step, for the notification. */
  readonly path: readonly string[];
  readonly warnings: readonly string[];
  readonly trace: { readonly bucket: string; readonly key: string; readonly etag: string };
  /** Keys in the reports bucket; null unless `complete`. */
  readonly reportKey: string | null;
  readonly pageKey: string | null;
  /** When the trace was stored, ISO 8601, from S3: the same for every invocation. */
  readonly tracedAt: string;
}

export function isAffected(report: NodeReport): boolean {
  return report.verdict !== null && report.verdict !== 'normal';
}

export function toNodeSuspect(suspect: Suspect): NodeSuspect {
  return {
    function: cutForItem(suspect.function),
    object: cutForItem(suspect.object),
    collidesWith: suspect.collidesWith.slice(0, ITEM_SUSPECTS).map(cutForItem),
    abnormality: suspect.abnormality,
    confidence: suspect.confidence,
    evidence: cutForItem(suspect.evidence),
  };
}

/** Onset in Unix seconds: the trace's own clock plus the offset of the shipped clock pair. */
export function onsetUnixSeconds(report: Report, clockOffsetSeconds: number | null): number | null {
  return report.onset === null || clockOffsetSeconds === null ? null : report.onset + clockOffsetSeconds;
}

export function cutForItem(text: string): string {
  return text.length <= ITEM_TEXT ? text : `${text.slice(0, ITEM_TEXT - 1)}…`;
}

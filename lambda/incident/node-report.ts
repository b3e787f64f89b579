/** What one node's trace contributed to its incident: the DynamoDB item beside the full report in S3. */
import type { NodeSuspect } from '../../report/incident.ts';
import type { Report, Suspect } from '../../report/report.ts';

/** Suspects kept per node in the item; the full list is in the S3 report. Keeps items far below 400 KB. */
export const ITEM_SUSPECTS = 10;
/** Warnings kept per node in the item. */
export const ITEM_WARNINGS = 5;
/** Characters kept of a text from a trace (function names of templates reach kilobytes). */
export const ITEM_TEXT = 500;

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

/** What the notification tells of an incident: each node's report in short, and what all of them say together. */
import type { Confidence, Verdict } from '../inference/verdict.ts';

/**
 * `complete`: a report was made. `unfinished`: time or memory ran out before inference ended.
 * `unreadable`: the trace or its signature set could not be read. The last two carry no verdict.
 */
export type NodeOutcome = 'complete' | 'unfinished' | 'unreadable';

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
  /** Content-derived id of the trace (lambda/incident/report-id.ts). */
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
  /** True where all of the window is abnormal: the onset is its beginning, and the trouble is older. */
  readonly onsetBeforeWindow: boolean;
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

/**
 * `one-node`: one of several is affected. `fleet`: (nearly) all are. `several-nodes`: in between.
 * `unknown`: only one node has reported, so there is nothing to compare with.
 */
export type Scope = 'none' | 'unknown' | 'one-node' | 'several-nodes' | 'fleet';

export interface PictureSuspect extends NodeSuspect {
  readonly fusedScore: number;
  /** Affected nodes that name it, sorted. */
  readonly nodes: readonly string[];
}

export interface Picture {
  readonly verdict: Verdict;
  readonly confidence: Confidence | null;
  readonly scope: Scope;
  /** Nodes by outcome, each sorted by name. */
  readonly affected: readonly string[];
  readonly healthy: readonly string[];
  /** Nodes whose trace could not be read or analysed in time. */
  readonly failed: readonly string[];
  /** Affected node with the earliest onset, among those whose clocks can be lined up. */
  readonly first: { readonly node: string; readonly onsetUnixSeconds: number } | null;
  readonly suspects: readonly PictureSuspect[];
  /** The affected report that the notification shows in detail. */
  readonly worst: NodeReport | null;
  /** Number of node reports that the picture was made from. */
  readonly reports: number;
}

export function nodesIn(picture: Picture): number {
  return picture.affected.length + picture.healthy.length + picture.failed.length;
}

import type { Request } from '../calls/requests.ts';

/** Calls that show an abnormality; the weights sum to 1. */
export interface EvidenceCalls {
  readonly rows: Uint32Array;
  readonly weights: Float64Array;
}

/** One abnormality, in numbers. */
export type Finding = LoopFinding | StuckFinding | GoneFinding | StallFinding;

interface Abnormality {
  readonly onsetNs: number;
  /** Ratio to normal, above 1. */
  readonly abnormality: number;
  readonly calls: EvidenceCalls;
  /** Threads (index) that show it, most affected first. */
  readonly threads: readonly number[];
}

/** Calls repeated far above normal. */
export interface LoopFinding extends Abnormality {
  readonly kind: 'loop';
  /** False where most of it lies within requests that are answered in the end: more work, no spin. */
  readonly endless: boolean;
  /** Symbols that repeat (ids of the trace's column), those with the most calls above normal first … */
  readonly symbols: readonly number[];
  /** … and the one that shows the loop best, … */
  readonly leader: number;
  /** … with its calls a second since the onset on the finding's threads … */
  readonly leaderPerSecond: number;
  /** … and the highest rate in normal runs and before the onset; 0 where neither shows it. */
  readonly normalPerSecond: number;
}

/** Calls that do not return, one a thread. */
export interface StuckFinding extends Abnormality {
  readonly kind: 'stuck';
  /** Longest open first; never empty. */
  readonly stuck: readonly StuckCall[];
}

export interface StuckCall {
  readonly row: number;
  readonly thread: number;
  readonly openNs: number;
  /** Longest time in this call that the thread or the profiles show; 0 where neither shows that it returned. */
  readonly normalNs: number;
  /** Time open to the longest normal time, or to the least that counts as long. */
  readonly ratio: number;
}

/** A thread that makes no calls any more without waiting in one. */
export interface GoneFinding extends Abnormality {
  readonly kind: 'gone';
  /** The last call (row) of the thread that is silent longest, … */
  readonly row: number;
  /** … since when it is, … */
  readonly silentNs: number;
  /** … and the symbol that most often follows there in normal runs; null where no profile tells. */
  readonly usualNext: string | null;
  /** Whether it was on the CPU; null where the trace cannot tell. */
  readonly onCpu: boolean | null;
}

/** Requests that wait for their answer far longer than normal. */
export interface StallFinding extends Abnormality {
  readonly kind: 'stall';
  /** True where nearly all of the slow requests are never answered. */
  readonly unanswered: boolean;
  /** In the order in which they were received; never empty. */
  readonly slow: readonly SlowRequest[];
  /** All requests received since the onset. */
  readonly requests: number;
  /** Calls (rows) within the slow requests that lasted, or before or after which a descriptor rested, too long. */
  readonly waits: readonly number[];
  /** Calls (rows) at places that are far busier than before and than in normal runs. */
  readonly busier: readonly number[];
}

export interface SlowRequest extends Request {
  readonly startNs: number;
  /** How much longer it waited than the longest normal one of its kind. */
  readonly excessNs: number;
  readonly ratio: number;
}

export function evidenceCalls(
  weighted: readonly { readonly row: number; readonly weight: number }[],
): EvidenceCalls {
  const total = weighted.reduce((sum, { weight }) => sum + weight, 0);
  return {
    rows: Uint32Array.from(weighted, ({ row }) => row),
    weights: Float64Array.from(weighted, ({ weight }) => (total > 0 ? weight / total : 1 / weighted.length)),
  };
}

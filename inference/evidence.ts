import type { DispatchCalls } from '../calls/dispatch.ts';
import type { SymbolColumn } from '../calls/symbols.ts';
import { rowsByThread } from '../calls/threads.ts';
import type { SignatureSet } from '../signatures/signature-set.ts';
import type { Trace } from '../trace/trace.ts';
import type { Attribution } from './attribute.ts';
import type { CallModel } from './call-model.ts';

/** Everything that the detectors look at, made once per inference. */
export interface Observation {
  readonly trace: Trace;
  readonly column: SymbolColumn;
  /** Rows of each thread, in time order. */
  readonly threadRows: readonly Uint32Array[];
  readonly dispatch: DispatchCalls;
  /** Null without signatures. */
  readonly normal: NormalKnowledge | null;
}

export interface NormalKnowledge {
  readonly set: SignatureSet;
  readonly model: CallModel;
  readonly attribution: Attribution;
  /** Per symbol of the trace's column: highest normal rate, calls per second; 0 where no profile shows it. */
  readonly rate: Float64Array;
}

/** Calls that show an abnormality; the weights sum to 1. */
export interface EvidenceCalls {
  readonly rows: Uint32Array;
  readonly weights: Float64Array;
}

/**
 * One abnormality. `loop`: calls repeated far above normal. `stuck`: a call that does not return. `gone`: a thread that
 * makes no calls any more without waiting in one. `stall`: time lost between two calls on one descriptor, or inside a
 * call.
 */
export interface Finding {
  readonly kind: 'loop' | 'stuck' | 'gone' | 'stall';
  readonly onsetNs: number;
  /** Ratio to normal. */
  readonly abnormality: number;
  /** 0…1: how much of the window after the onset it takes. */
  readonly extent: number;
  readonly calls: EvidenceCalls;
  /** Threads (index) that show it, most affected first. */
  readonly threads: readonly number[];
  /**
   * For a loop: false where it is part of requests that are answered in the end (more work, no spin). For a stall: true
   * where the requests are never answered.
   */
  readonly endless?: boolean;
  /** For a thread that is gone: whether it was on the CPU; null where the trace cannot tell. */
  readonly onCpu?: boolean | null;
  /** Plain words, lower case, without a full stop. */
  readonly description: string;
}

export function observe(
  trace: Trace,
  column: SymbolColumn,
  dispatch: DispatchCalls,
  model: CallModel | null,
  attribution: Attribution | null,
): Observation {
  return {
    trace,
    column,
    threadRows: rowsByThread(trace),
    dispatch,
    normal: model === null || attribution === null ? null : knowledge(model, attribution, column),
  };
}

function knowledge(model: CallModel, attribution: Attribution, column: SymbolColumn): NormalKnowledge {
  const { set } = model;
  const rates = new Map(set.symbols.map((symbol, id) => [symbol, set.normal.rate[id] as number]));
  return {
    set,
    model,
    attribution,
    rate: Float64Array.from(column.symbols, (symbol) => rates.get(symbol) ?? 0),
  };
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

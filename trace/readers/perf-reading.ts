/** What the perf script reader knows while it goes through the lines. */
import { type CallColumns, createCallColumns } from '../call-columns.ts';
import { type CallKinds, createCallKinds } from '../call-kinds.ts';
import { ANY_KIND, type CallPairing, createCallPairing } from '../call-pairing.ts';
import { createSkipTable, type SkipTable } from '../skip-table.ts';
import { createSwitchColumns, type SwitchColumns } from '../switch-columns.ts';
import { createThreadTable, type ThreadTable } from '../thread-table.ts';
import type { Architecture, Loss, ReadOptions } from '../trace.ts';
import { createPerfHeader, type PerfHeader } from './perf-header.ts';
import { createPerfStacks, type PerfStacks } from './perf-stacks.ts';

/** Call numbers that are looked up by index; larger ones exist only for broken or foreign input. */
export const TABLE_NUMBERS = 1024;

/**
 * Plain data that module-level functions work on: closures made anew for each file would be optimised anew, and a
 * mining run reads many.
 */
export interface PerfReading {
  readonly skips: SkipTable;
  readonly kinds: CallKinds;
  readonly columns: CallColumns;
  readonly pairing: CallPairing;
  readonly threads: ThreadTable;
  readonly switches: SwitchColumns;
  readonly stacks: PerfStacks | null;
  readonly losses: Loss[];
  readonly header: PerfHeader;
  readonly kindOfNumber: Int32Array;
  /** When each process made its exit_group call. */
  readonly processEndNs: Map<number, number>;
  /** Per thread, what its name was when it was last looked at. */
  readonly commHash: number[];
  /** Times of the first and the last event. */
  readonly windowNs: Float64Array;
  architecture: Architecture;
  /** Whole seconds of the first event, from where times count until the end; -1 before it. */
  zeroSeconds: number;
  /** The thread that `header` names, or -1 while nobody has asked. */
  headerThread: number;
  /** The call that the call chain lines to come belong to, or -1 where nobody needs them. */
  chainRow: number;
  /** True between the first line of a call chain and its end. */
  inChain: boolean;
  /** Where the event's colon stood in the last line with a call. */
  markOffset: number;
}

export function createPerfReading(options: ReadOptions): PerfReading {
  const skips = createSkipTable();
  const kinds = createCallKinds();
  const columns = createCallColumns(options.stacks === true);
  const pairing = createCallPairing(columns, kinds, skips);
  pairing.nowNs[0] = Number.NEGATIVE_INFINITY;
  return {
    skips,
    kinds,
    columns,
    pairing,
    threads: createThreadTable(),
    switches: createSwitchColumns(),
    stacks: options.stacks === true ? createPerfStacks() : null,
    losses: [],
    header: createPerfHeader(),
    kindOfNumber: new Int32Array(TABLE_NUMBERS).fill(ANY_KIND),
    processEndNs: new Map(),
    commHash: [],
    windowNs: new Float64Array([Number.POSITIVE_INFINITY, 0]),
    architecture: options.architecture ?? 'x86_64',
    zeroSeconds: -1,
    headerThread: -1,
    chainRow: -1,
    inChain: false,
    markOffset: 0,
  };
}

import { newCalls } from '../../call-columns.ts';
import { type ColumnsOf, newColumns } from '../../columns.ts';
import { type Architecture, type Calls, OPEN, switchColumns } from '../../trace.ts';
import { COUNTS, DUE_NS, NOT_BEGUN, START_NS, threadId } from './follow-threads.ts';
import { type KindTable, kindTable, UNSEEN } from './kind-table.ts';
import type { Batch } from './merge-rings.ts';
import type { Ring, RingLoss } from './ring-records.ts';

/** What is known of threads and their calls while rings are paired. */
export interface RingPairing {
  readonly columns: Calls;
  readonly switches: ColumnsOf<typeof switchColumns>;
  readonly kinds: KindTable;
  /** Thread ids in order of first appearance, and the index of each there. */
  readonly tids: number[];
  threadOf: Int32Array<ArrayBuffer>;
  /** As in follow-threads.ts. */
  lastRow: Int32Array<ArrayBuffer>;
  freeAt: Float64Array<ArrayBuffer>;
  readonly bounds: Float64Array;
  readonly counts: Int32Array;
  /** By thread, the row that carries the name of what it continues, though it was entered as restart_syscall. */
  readonly renamedRow: Map<number, number>;
  readonly processOf: (tid: number) => number;
  /** When each process made its exit_group call, nanoseconds from the window's start. */
  readonly processEndNs: Map<number, number>;
  /** Returns that were put back, and losses still to come, the earliest first. */
  readonly putBack: Return[];
  readonly losses: DatedLoss[];
}

/** A return that is not at its place in a ring. */
export interface Return {
  /** From the origin. */
  readonly timeNs: number;
  readonly thread: number;
  /** Of the kind table. */
  readonly entry: number;
  readonly result: number;
}

type DatedLoss = RingLoss & { readonly timeNs: number };

/** Room for all that the rings hold, with nothing taken yet. Times of rings are from the origin, as `startNs` is. */
export function createRingPairing(
  rings: readonly Ring[],
  losses: readonly RingLoss[],
  startNs: number,
  architecture: Architecture,
  processOf: (tid: number) => number,
): RingPairing {
  const bounds = new Float64Array(2);
  bounds[START_NS] = startNs;
  const pairing: RingPairing = {
    columns: newCalls(
      rings.reduce((sum, ring) => sum + ring.enters, 0),
      false,
    ),
    switches: newColumns(
      switchColumns,
      rings.reduce((sum, ring) => sum + ring.switches, 0),
    ),
    kinds: kindTable(architecture),
    tids: [],
    threadOf: new Int32Array(65_536).fill(UNSEEN),
    lastRow: new Int32Array(256).fill(UNSEEN),
    freeAt: new Float64Array(256).fill(NOT_BEGUN),
    bounds,
    counts: new Int32Array(COUNTS),
    renamedRow: new Map(),
    processOf,
    processEndNs: new Map(),
    putBack: [],
    losses: losses
      .filter((loss): loss is DatedLoss => loss.timeNs !== null)
      .sort((a, b) => a.timeNs - b.timeNs),
  };
  setDue(pairing);
  return pairing;
}

/** When the earliest is due that is in no ring. */
export function setDue({ bounds, putBack, losses }: RingPairing): void {
  bounds[DUE_NS] = Math.min(putBack[0]?.timeNs ?? OPEN, losses[0]?.timeNs ?? OPEN);
}

/** Adds the thread and the kind of call of a record. */
export function introduce(pairing: RingPairing, batch: Batch, at: number): void {
  const { threadOf, kinds } = pairing;
  const id = threadId(batch.tid[at]!);
  const number = batch.number[at]!;
  if ((threadOf[id] ?? UNSEEN) === UNSEEN) addThread(pairing, id);
  const call = number >= 0 ? number : ~number;
  if (kinds.entries[call] === UNSEEN) kinds.add(call);
}

function addThread(pairing: RingPairing, id: number): void {
  const index = pairing.tids.length;
  if (id >= pairing.threadOf.length) pairing.threadOf = grown(pairing.threadOf, id + 1);
  if (index >= pairing.lastRow.length) {
    pairing.lastRow = grown(pairing.lastRow, index + 1);
    const times = new Float64Array(pairing.lastRow.length).fill(NOT_BEGUN);
    times.set(pairing.freeAt);
    pairing.freeAt = times;
  }
  pairing.threadOf[id] = index;
  pairing.tids.push(id);
}

function grown(column: Int32Array<ArrayBuffer>, least: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(least, column.length * 2)).fill(UNSEEN);
  larger.set(column);
  return larger;
}

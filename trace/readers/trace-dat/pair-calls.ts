import type { Architecture, Calls, Switches } from '../../trace.ts';
import {
  BEFORE_WINDOW,
  CALLS,
  DUE_NS,
  follow,
  identify,
  LOST_ENTERS,
  LOST_RETURNS,
  newIdentified,
  ROW,
  START_NS,
  SWITCH_ROW,
  writeRows,
} from './follow-threads.ts';
import { UNSEEN } from './kind-table.ts';
import { mergeRings } from './merge-rings.ts';
import { createRingPairing, introduce, type RingPairing } from './ring-pairing.ts';
import type { Ring, RingLoss } from './ring-records.ts';
import { endCallsOfEndedProcesses, passDue, takeRecord } from './take-record.ts';

/** The calls of all rings, each with its return. */
export interface PairedCalls {
  readonly length: number;
  readonly columns: Calls;
  readonly callNames: readonly string[];
  readonly switches: Switches | null;
  /** Thread ids in order of first appearance: `thread` indexes them. */
  readonly tids: readonly number[];
  /** Returns that were the first event of their thread. */
  readonly returnsFromBefore: number;
  /** Other returns whose call is missing. */
  readonly lostEnters: number;
  /** Calls whose return is missing although their thread went on. */
  readonly lostReturns: number;
}

/** Merges the rings by time and finds each call's return: the next one of its thread, on whichever CPU. */
export function pairCalls(
  rings: readonly Ring[],
  losses: readonly RingLoss[],
  startNs: number,
  architecture: Architecture,
  processOf: (tid: number) => number,
): PairedCalls {
  const pairing = createRingPairing(rings, losses, startNs, architecture, processOf);
  const { columns, switches, bounds, counts } = pairing;
  const { batch, next: nextBatch } = mergeRings(rings);
  const identified = newIdentified();
  for (let length = nextBatch(); length > 0; length = nextBatch()) {
    for (let known = 0; known < length; ) {
      known = identify(
        batch.tid,
        batch.number,
        pairing.threadOf,
        pairing.kinds.entries,
        identified.thread,
        identified.entry,
        known,
        length,
      );
      if (known < length) introduce(pairing, batch, known);
    }
    for (let at = 0; at < length; ) {
      const { lastRow, freeAt } = pairing;
      at = follow(batch, identified, lastRow, freeAt, columns, switches, bounds, counts, at, length);
      writeRows(batch, identified, columns, bounds[START_NS]!, counts[ROW]!, counts[CALLS]!);
      counts[ROW]! += counts[CALLS]!;
      if (at === length) break;
      if (batch.startNs[at]! >= bounds[DUE_NS]!) passDue(pairing);
      else takeRecord(pairing, batch, identified, at++);
    }
  }
  while (pairing.putBack.length > 0) passDue(pairing);
  endCallsOfEndedProcesses(pairing);
  return pairedCalls(pairing);
}

function pairedCalls({ columns, switches, kinds, tids, threadOf, counts }: RingPairing): PairedCalls {
  // Which thread a switch is about is known when all have been seen.
  for (const column of [switches.previous, switches.next]) {
    for (let i = 0; i < column.length; i++) column[i] = threadOf[column[i]!] ?? UNSEEN;
  }
  return {
    length: counts[ROW]!,
    columns,
    callNames: kinds.names,
    switches: counts[SWITCH_ROW] === 0 ? null : switches,
    tids,
    returnsFromBefore: counts[BEFORE_WINDOW]!,
    lostEnters: counts[LOST_ENTERS]!,
    lostReturns: counts[LOST_RETURNS]!,
  };
}

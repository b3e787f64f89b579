import type { Trace } from '../trace/trace.ts';
import { DESCRIPTOR_MAKERS } from './descriptors.ts';
import type { Folded } from './loops.ts';
import { numbering } from './numbering.ts';
import { pairKey } from './pair-key.ts';
import type { SymbolColumn } from './symbols.ts';
import { pidOf } from './threads.ts';

/**
 * What a call shows besides its symbol, and what tells places with the same symbol apart: which call made its file
 * descriptor (`from socket`), which symbol came before on the same descriptor (`after connect`), the role of its thread
 * (`on worker-#`, digits folded), and how far into a loop it is (`round 3`: 4 to 7 rounds before;
 * loops.ts). Descriptors are read as numbers only.
 */
export interface TraitColumns {
  /** Trait id per call and kind (row * KINDS + kind), or NO_TRAIT. */
  readonly ids: Int32Array;
  readonly traits: readonly string[];
}

export const TRAIT_KINDS = 4;
export const NO_TRAIT = -1;

const CLOSE = 'close';

export function traitColumns(
  trace: Trace,
  { ids: symbolIds, symbols }: SymbolColumn,
  threadRows: readonly Uint32Array[],
  loops: readonly Pick<Folded, 'round'>[],
): TraitColumns {
  const ids = new Int32Array(trace.length * TRAIT_KINDS).fill(NO_TRAIT);
  const traits = numbering<string>();
  const opener = trace.callNames.map((name) =>
    DESCRIPTOR_MAKERS.has(name) ? traits.of(`from ${name}`) : NO_TRAIT,
  );
  const unknownOrigin = traits.of('from before');
  const closes = trace.callNames.map((name) => name === CLOSE);
  const after = symbols.map((symbol) => traits.of(`after ${symbol}`));
  const roles = trace.threads.map(({ comm }) =>
    comm === '' ? NO_TRAIT : traits.of(`on ${comm.replace(/\d+/g, '#')}`),
  );
  for (const [thread, rows] of threadRows.entries()) {
    const { round } = loops[thread] as Pick<Folded, 'round'>;
    for (let i = 0; i < rows.length; i++) {
      ids[(rows[i] as number) * TRAIT_KINDS + 3] = traits.of(`round ${round[i]}`);
    }
  }
  const origins = new Map<number, number>();
  const last = new Map<number, number>();
  for (let row = 0; row < trace.length; row++) {
    const thread = trace.thread[row] as number;
    const call = trace.call[row] as number;
    const fd = trace.fd[row] as number;
    const pid = pidOf(trace, row);
    const base = row * TRAIT_KINDS;
    ids[base + 2] = roles[thread] as number;
    if (fd >= 0) {
      const key = pairKey(pid, fd);
      ids[base] = origins.get(key) ?? unknownOrigin;
      ids[base + 1] = last.get(key) ?? NO_TRAIT;
      last.set(key, after[symbolIds[row] as number] as number);
      if (closes[call]) {
        origins.delete(key);
        last.delete(key);
      }
    }
    const result = trace.result[row] as number;
    const origin = opener[call] as number;
    if (origin !== NO_TRAIT && result >= 0) {
      const key = pairKey(pid, result);
      origins.set(key, origin);
      last.set(key, after[symbolIds[row] as number] as number);
    }
  }
  return { ids, traits: traits.values };
}

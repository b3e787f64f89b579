import type { Calls } from '../calls/calls.ts';
import type { Folded } from '../calls/loops.ts';
import { callOfSymbol, type SymbolColumn } from '../calls/symbols.ts';
import { NO_TRAIT, TRAIT_KINDS, type TraitColumns } from '../calls/traits.ts';
import type { CallModel } from './call-model.ts';
import { type MethodOptions, wholeMethod } from './method-options.ts';

/** No state: the call was made where no profile shows it. */
export const NO_STATE = -1;

/** Where each call of a trace without stacks was most likely made. */
export interface Attribution {
  /** State of the call model per call, or NO_STATE. */
  readonly states: Int32Array;
  /** Context (call-tree.ts) per call: the state's, or for NO_STATE the one of the call before. */
  readonly contexts: Int32Array;
}

/** Log probability that a call shows another result class than its state did in the profiles. */
const OTHER_RESULT = -3;
/** Log probability that a call is made where no profile shows it: the thread stays in its context. */
const NOVEL_CALL = -30;
/** States kept per call; call trees rarely have more places for one symbol that are near each other. */
const BEAM = 24;

/**
 * For each call of a trace without stacks, the most likely place in the service: Viterbi's algorithm over the call
 * model, thread by thread, loops folded: otherwise a loop that no profile shows would, by its mere length, outweigh
 * where the thread came from.
 */
export function attributeCalls(
  calls: Calls,
  model: CallModel,
  { without }: MethodOptions = wholeMethod,
): Attribution {
  const { trace, column, traits } = calls;
  const places = column.symbols.map((symbol) => placesOf(symbol, model));
  const traitIds = traits.traits.map((trait) =>
    without.has('traits') ? NO_TRAIT : (model.traitIds.get(trait) ?? NO_TRAIT),
  );
  const states = new Int32Array(trace.length).fill(NO_STATE);
  const contexts = new Int32Array(trace.length);
  for (const [thread, rows] of calls.threadRows.entries()) {
    if (without.has('attribution')) {
      likeliestPlaces(rows, column, places, model, { states, contexts });
      continue;
    }
    const { kept, representative } = without.has('loop-folding')
      ? keepAll(rows)
      : (calls.loops[thread] as Folded);
    const keptRows = kept.map((position) => rows[position] as number);
    const path = likeliestPath(keptRows, { column, traits, traitIds, places, model });
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as number;
      const at = representative[i] as number;
      states[row] = path.states[at] as number;
      contexts[row] = path.contexts[at] as number;
    }
  }
  return { states, contexts };
}

/** Without the model of order: each call at the place where its symbol is most often. */
function likeliestPlaces(
  rows: Uint32Array,
  column: SymbolColumn,
  places: readonly Places[],
  model: CallModel,
  out: Attribution,
): void {
  for (const row of rows) {
    const { states, emission } = places[column.ids[row] as number] as Places;
    let best = NO_STATE;
    let score = Number.NEGATIVE_INFINITY;
    for (const [i, state] of states.entries()) {
      const value = (model.logShare[state] as number) + (emission[i] as number);
      if (value > score) [best, score] = [state, value];
    }
    out.states[row] = best;
    out.contexts[row] = best === NO_STATE ? 0 : (model.contextOf[best] as number);
  }
}

function keepAll(rows: Uint32Array): Pick<Folded, 'kept' | 'representative'> {
  const kept = Uint32Array.from(rows, (_, i) => i);
  return { kept, representative: kept };
}

interface Places {
  readonly states: Int32Array;
  /** Log probability of the symbol in each state. */
  readonly emission: Float64Array;
}

function placesOf(symbol: string, model: CallModel): Places {
  const exact = new Set(model.bySymbol.get(symbol) ?? []);
  const all = model.byCall.get(callOfSymbol(symbol)) ?? [];
  // Another result of the same call in the same context is the same place: keep the likelier state of each context.
  const best = new Map<number, { state: number; emission: number }>();
  for (const state of all) {
    const emission = exact.has(state) ? 0 : OTHER_RESULT;
    const context = model.contextOf[state] as number;
    const known = best.get(context);
    if (
      known === undefined ||
      emission > known.emission ||
      (emission === known.emission &&
        (model.logShare[state] as number) > (model.logShare[known.state] as number))
    ) {
      best.set(context, { state, emission });
    }
  }
  const places = [...best.values()].sort((a, b) => a.state - b.state);
  return {
    states: Int32Array.from(places, (place) => place.state),
    emission: Float64Array.from(places, (place) => place.emission),
  };
}

interface Observed {
  readonly column: SymbolColumn;
  readonly traits: TraitColumns;
  /** The model's trait id of each of the trace's traits. */
  readonly traitIds: readonly number[];
  /** Per symbol of the column. */
  readonly places: readonly Places[];
  readonly model: CallModel;
}

function likeliestPath(rows: Uint32Array, observed: Observed): Attribution {
  const { column, model } = observed;
  // Survivors of each call: states, back pointers (position among the previous call's survivors), novelty.
  const states = new Int32Array(rows.length * BEAM);
  const back = new Int8Array(rows.length * BEAM);
  const novel = new Uint8Array(rows.length * BEAM);
  let scores = new Float64Array(BEAM);
  let next = new Float64Array(BEAM);
  let previous = 0;
  const sizes = new Uint8Array(rows.length);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as number;
    const places = observed.places[column.ids[row] as number] as Places;
    const base = i * BEAM;
    let size = 0;
    let worst = 0;
    const offer = (state: number, score: number, pointer: number, isNovel: number) => {
      let slot = size;
      if (size < BEAM) size++;
      else if (score <= (next[worst] as number)) return;
      else slot = worst;
      next[slot] = score;
      states[base + slot] = state;
      back[base + slot] = pointer;
      novel[base + slot] = isNovel;
      if (size === BEAM) worst = lowest(next, size);
    };
    for (let c = 0; c < places.states.length; c++) {
      const state = places.states[c] as number;
      let score = previous === 0 ? (model.logShare[state] as number) : Number.NEGATIVE_INFINITY;
      let pointer = 0;
      for (let p = 0; p < previous; p++) {
        const value = (scores[p] as number) + model.step(states[base - BEAM + p] as number, state);
        if (value > score) {
          score = value;
          pointer = p;
        }
      }
      offer(state, score + (places.emission[c] as number) + traitEvidence(observed, row, state), pointer, 0);
    }
    for (let p = 0; p < previous; p++) {
      offer(states[base - BEAM + p] as number, (scores[p] as number) + NOVEL_CALL, p, 1);
    }
    // Scores relative to the best: no underflow however long the thread.
    const best = next[highest(next, size)] as number;
    for (let s = 0; s < size; s++) next[s] = (next[s] as number) - best;
    [scores, next] = [next, scores];
    previous = size;
    sizes[i] = size;
  }
  const path = { states: new Int32Array(rows.length).fill(NO_STATE), contexts: new Int32Array(rows.length) };
  let slot = highest(scores, previous);
  for (let i = rows.length - 1; i >= 0; i--) {
    if (sizes[i] === 0) break;
    const at = i * BEAM + slot;
    path.contexts[i] = model.contextOf[states[at] as number] as number;
    if (novel[at] === 0) path.states[i] = states[at] as number;
    slot = back[at] as number;
  }
  return path;
}

function traitEvidence({ traits, traitIds, model }: Observed, row: number, state: number): number {
  let sum = 0;
  for (let kind = 0; kind < TRAIT_KINDS; kind++) {
    const own = traits.ids[row * TRAIT_KINDS + kind] as number;
    if (own === NO_TRAIT) continue;
    const trait = traitIds[own] as number;
    if (trait !== NO_TRAIT) sum += model.trait(state, trait);
  }
  return sum;
}

function highest(values: Float64Array, size: number): number {
  let at = 0;
  for (let i = 1; i < size; i++) if ((values[i] as number) > (values[at] as number)) at = i;
  return at;
}

function lowest(values: Float64Array, size: number): number {
  let at = 0;
  for (let i = 1; i < size; i++) if ((values[i] as number) < (values[at] as number)) at = i;
  return at;
}

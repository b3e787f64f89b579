import type { Trace } from '../trace/trace.ts';
import { type DispatchCalls, dispatchCalls } from './dispatch.ts';
import { type Folded, foldLoops } from './loops.ts';
import { type Request, requests } from './requests.ts';
import { type SymbolColumn, symbolColumn } from './symbols.ts';
import { rowsByThread } from './threads.ts';
import { type TraitColumns, traitColumns } from './traits.ts';

/** What one trace shows, each fact computed once, when it is first asked for. */
export interface Calls {
  readonly trace: Trace;
  /** The symbol of each call. */
  readonly column: SymbolColumn;
  /** Rows of each thread, in time order. */
  readonly threadRows: readonly Uint32Array[];
  /** Loops of each thread, folded; positions count within the thread's rows. */
  readonly loops: readonly Folded[];
  readonly dispatch: DispatchCalls;
  readonly requests: readonly Request[];
  readonly traits: TraitColumns;
}

export function callsOf(trace: Trace): Calls {
  const column = once(() => symbolColumn(trace));
  const threadRows = once(() => rowsByThread(trace));
  const loops = once(() =>
    threadRows().map((rows) => foldLoops(Uint16Array.from(rows, (row) => column().ids[row] as number))),
  );
  const dispatch = once(() => dispatchCalls(trace));
  const found = once(() => requests(trace));
  const traits = once(() => traitColumns(trace, column(), threadRows(), loops()));
  return {
    trace,
    get column() {
      return column();
    },
    get threadRows() {
      return threadRows();
    },
    get loops() {
      return loops();
    },
    get dispatch() {
      return dispatch();
    },
    get requests() {
      return found();
    },
    get traits() {
      return traits();
    },
  };
}

function once<T>(compute: () => T): () => T {
  let known: { readonly value: T } | null = null;
  return () => {
    known ??= { value: compute() };
    return known.value;
  };
}

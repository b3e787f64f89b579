import { errnoNames } from '../trace/syscalls/errno.ts';
import { NO_RESULT, type Trace } from '../trace/trace.ts';

/**
 * A call symbol is a system call together with the class of its result: `read` (positive), `read=0`, `read=EAGAIN`.
 * The same call with another result class is another behaviour, and profiles of normal runs often lack the failing
 * one; `callOfSymbol` gives the coarser key to fall back to. A call that never returned is `read?`.
 */
export type CallSymbol = string;

const RESULT_MARK = '=';
const OPEN_MARK = '?';

export function callSymbol(name: string, result: number): CallSymbol {
  if (result === NO_RESULT) return name + OPEN_MARK;
  if (result > 0) return name;
  return `${name}${RESULT_MARK}${result === 0 ? '0' : (errnoNames[-result] ?? `E${-result}`)}`;
}

export function callOfSymbol(symbol: CallSymbol): string {
  const mark = symbol.indexOf(RESULT_MARK);
  if (mark >= 0) return symbol.slice(0, mark);
  return symbol.endsWith(OPEN_MARK) ? symbol.slice(0, -1) : symbol;
}

/** The symbols of a trace's calls, interned: `symbols[ids[row]]` is row's symbol. */
export interface SymbolColumn {
  readonly ids: Uint16Array;
  readonly symbols: readonly CallSymbol[];
}

/**
 * Most different symbols of one trace: ids are 16 bits wide. Real servers show a few hundred; the further ones of a
 * hostile text are one symbol.
 */
export const MAX_SYMBOLS = 0x10000;

const FURTHER_SYMBOLS: CallSymbol = 'other';

/** Kernel-internal restart codes (include/linux/errno.h: 512–516) never reach user space: the call was interrupted. */
const FIRST_RESTART_ERRNO = 512;
const LAST_RESTART_ERRNO = 516;
const EINTR = 4;

export function symbolColumn(trace: Trace): SymbolColumn {
  const ids = new Uint16Array(trace.length);
  const symbols: CallSymbol[] = [];
  const known = new Map<number, number>();
  for (let row = 0; row < trace.length; row++) {
    const call = trace.call[row] as number;
    let result = trace.result[row] as number;
    if (result > 0) result = 1;
    else if (result <= -FIRST_RESTART_ERRNO && result >= -LAST_RESTART_ERRNO) result = -EINTR;
    const key =
      call * 0x2000 + (result === NO_RESULT ? 0x1fff : result < 0 ? Math.min(-result, 0x1ff0) + 2 : result);
    let id = known.get(key);
    if (id === undefined) {
      id = Math.min(symbols.length, MAX_SYMBOLS - 1);
      if (id === symbols.length) {
        symbols.push(
          id < MAX_SYMBOLS - 1 ? callSymbol(trace.callNames[call] ?? 'unknown', result) : FURTHER_SYMBOLS,
        );
      }
      known.set(key, id);
    }
    ids[row] = id;
  }
  return { ids, symbols };
}

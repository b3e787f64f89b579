/** A thread that made fewer calls shows no habit to compare with. */
export const MINIMUM_CALLS = 10;

/** Calls with which a thread ends: what follows is no silence. */
export const LAST_CALLS = new Set(['exit', 'exit_group']);

/** Calls right before the last one that count as evidence of where the thread was. */
const LEAD_CALLS = 3;
/** All of them count for little against the last one: the nearest for half of this, each further one for half of that. */
const LEAD_WEIGHT = 0.1;

/** The last call with full weight, and the ones that led there with ever less. */
export function leadingCalls(rows: Uint32Array, last: number): { row: number; weight: number }[] {
  const at = rows.indexOf(last);
  const calls: { row: number; weight: number }[] = [];
  for (let back = 0; back <= LEAD_CALLS && at - back >= 0; back++) {
    calls.push({ row: rows[at - back] as number, weight: back === 0 ? 1 : LEAD_WEIGHT / 2 ** back });
  }
  return calls;
}

import type { Normal } from '../signatures/normal.ts';

/** What the signature set knows of each function, compiled for ranking. Index: function number of Normal. */
export interface FunctionProfile {
  /**
   * Share (0…1) of the normal calls of its threads that are made under the function: 1 for what is on the stack of
   * everything (main, an event loop, a thread's body). Where threads of several roles call it, the largest share.
   */
  readonly presence: Float64Array;
  /** Share of its invocations that made exactly one call: 1 for a wrapper. */
  readonly single: Float64Array;
  /** Different functions that call it. */
  readonly callers: Uint32Array;
  /** Functions on the path of each context, outermost first. */
  readonly paths: readonly (readonly number[])[];
  /**
   * Role of each context: the outermost function where that is the body of a thread (it hardly ever returns: main, a
   * worker's loop), else CALLBACK_ROLE: a runtime's event loop calls it.
   */
  readonly roles: Int32Array;
}

export const CALLBACK_ROLE = -1;
/** Calls per invocation from which on a function is the body of a thread. */
const BODY_CALLS = 200;

export function functionProfile({ functions, contexts, states, signatures }: Normal): FunctionProfile {
  const paths: number[][] = [[]];
  for (let context = 1; context < contexts.length; context++) {
    const above = paths[contexts.parent[context] as number] as number[];
    paths[context] = [...above, contexts.functionOf[context] as number];
  }
  const bodies = new Set(
    signatures
      .filter(({ calls, invocations }) => calls >= BODY_CALLS * Math.max(1, invocations))
      .map(({ fn }) => fn),
  );
  const roles = Int32Array.from(paths, ([outermost]) =>
    outermost !== undefined && bodies.has(outermost) ? outermost : CALLBACK_ROLE,
  );
  const roleCalls = new Map<number, number>();
  const underInRole = new Map<string, number>();
  for (let state = 0; state < states.length; state++) {
    const context = states.context[state] as number;
    const count = states.calls[state] as number;
    const path = paths[context] as number[];
    if (path.length === 0) continue;
    const role = roles[context] as number;
    roleCalls.set(role, (roleCalls.get(role) ?? 0) + count);
    for (const fn of new Set(path)) {
      const key = `${role} ${fn}`;
      underInRole.set(key, (underInRole.get(key) ?? 0) + count);
    }
  }
  const presence = new Float64Array(functions.length);
  for (const [key, count] of underInRole) {
    const [role, fn] = key.split(' ').map(Number) as [number, number];
    presence[fn] = Math.max(presence[fn] as number, count / (roleCalls.get(role) as number));
  }
  const single = new Float64Array(functions.length);
  for (const { fn, invocations, single: alone } of signatures)
    single[fn] = invocations === 0 ? 0 : alone / invocations;
  const callers = new Uint32Array(functions.length);
  const pairs = new Set<string>();
  for (const path of paths) {
    const fn = path.at(-1);
    if (fn === undefined || pairs.has(`${path.at(-2)} ${fn}`)) continue;
    pairs.add(`${path.at(-2)} ${fn}`);
    callers[fn]!++;
  }
  return { presence, single, callers, paths, roles };
}

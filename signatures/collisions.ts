/**
 * Functions whose signatures cannot be told apart: the same episodes with the same support, from the same number of
 * invocations (a caller that does nothing but call its callee, for instance). Each group in function order.
 */
export function collisionGroups(
  signatures: readonly {
    readonly function: number;
    readonly invocations: number;
    readonly calls: number;
    readonly episodes: readonly (readonly [readonly number[], number])[];
  }[],
): number[][] {
  const groups = new Map<string, number[]>();
  for (const signature of signatures) {
    const key = JSON.stringify([signature.invocations, signature.calls, signature.episodes]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [signature.function]);
    else group.push(signature.function);
  }
  return [...groups.values()].filter((group) => group.length > 1);
}

import { Session } from 'node:inspector/promises';

/** Samples of the profiler, microseconds apart. */
const SAMPLING_MICROSECONDS = 500;

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly children?: readonly number[] | undefined;
}

/**
 * Where the time of `work` goes, by V8's own sampling profiler: the functions that `root` calls are the stages, and
 * all that runs below the folder trace/ is `read`. Shares of the samples that fall into one of these.
 */
export async function stageShares(
  root: string,
  work: () => Promise<unknown>,
): Promise<Record<string, number>> {
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: SAMPLING_MICROSECONDS });
    await session.post('Profiler.start');
    await work();
    const { profile } = await session.post('Profiler.stop');
    return sharesOf(root, profile.nodes, profile.samples ?? [], profile.timeDeltas ?? []);
  } finally {
    session.disconnect();
  }
}

function sharesOf(
  root: string,
  nodes: readonly ProfileNode[],
  samples: readonly number[],
  deltas: readonly number[],
): Record<string, number> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const stageOf = new Map<number, string | null>();
  const visit = (node: ProfileNode, stage: string | null, belowRoot: boolean): void => {
    const { functionName, url } = node.callFrame;
    let own = stage;
    if (own === null && belowRoot) own = functionName === '' ? '(anonymous)' : functionName;
    else if (own === null && url.includes('/trace/')) own = 'read';
    stageOf.set(node.id, own ?? (functionName === root ? root : null));
    for (const id of node.children ?? []) {
      const child = byId.get(id);
      if (child !== undefined) visit(child, own, own === null && functionName === root);
    }
  };
  const [top] = nodes;
  if (top !== undefined) visit(top, null, false);

  const time = new Map<string, number>();
  let total = 0;
  samples.forEach((id, index) => {
    const stage = stageOf.get(id) ?? null;
    if (stage === null) return;
    const delta = deltas[index] ?? 0;
    total += delta;
    time.set(stage, (time.get(stage) ?? 0) + delta);
  });
  return Object.fromEntries(
    [...time]
      .map(([stage, spent]): [string, number] => [stage, Number((spent / total).toFixed(3))])
      .filter(([, share]) => share >= 0.001)
      .sort((a, b) => b[1] - a[1]),
  );
}

/** What a node's verdict means for its incident. A verdict without a row here does not compile. */
import type { NodeReport } from '../../report/incident.ts';
import type { Confidence, Verdict } from '../../report/report.ts';

/** Zero is a healthy node, which pages nobody; above that, the graver verdict wins a tie between nodes. */
const GRAVITY = { hang: 3, spin: 2, slowdown: 1, normal: 0 } as const satisfies Record<Verdict, number>;

const CERTAINTY = { high: 3, medium: 2, low: 1 } as const satisfies Record<Confidence, number>;

export const VERDICTS = Object.keys(GRAVITY) as readonly Verdict[];
export const CONFIDENCES = Object.keys(CERTAINTY) as readonly Confidence[];

export function isAffected({ verdict }: Pick<NodeReport, 'verdict'>): boolean {
  return verdict !== null && GRAVITY[verdict] > 0;
}

/** The verdict of most affected nodes; ties go to the graver one. */
export function commonVerdict(affected: readonly NodeReport[]): Verdict {
  const counts = new Map<Verdict, number>();
  for (const { verdict } of affected)
    if (verdict !== null) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  const [most] = [...counts].sort(([a, n], [b, m]) => m - n || GRAVITY[b] - GRAVITY[a]);
  return most?.[0] ?? 'normal';
}

export function bestConfidence(affected: readonly NodeReport[]): Confidence | null {
  const confidences = affected.flatMap(({ confidence }) => confidence ?? []);
  return confidences.sort((a, b) => CERTAINTY[b] - CERTAINTY[a])[0] ?? null;
}

import type { Normal } from '../signatures/normal.ts';
import type { Trace } from '../trace/trace.ts';
import { type Attribution, NO_STATE } from './attribute.ts';
import type { Finding } from './finding.ts';

/** From this coverage on the signatures fit; below, they are of another build, or the workload has left the profiles. */
export const GOOD_COVERAGE = 0.8;
/** Signatures that hold in fewer than this share of left-out invocations drift with the workload. */
const STABLE_SHARE = 0.5;
/** This share of unstable signatures is worth a warning. */
const UNSTABLE_SHARE = 0.3;

/** What weakens an inference. Shares are 0…1. */
export type InferenceWarning =
  | { readonly kind: 'no-signatures' }
  | { readonly kind: 'drift'; readonly coverage: number }
  | { readonly kind: 'unstable-signatures'; readonly share: number }
  | { readonly kind: 'stacks' }
  | { readonly kind: 'no-calls' }
  | { readonly kind: 'lost-events'; readonly events: number };

/** Share (0…1) of the calls before the onset that were made where the profiles show such a call; of all without one. */
export function coverageOf(trace: Trace, attribution: Attribution, finding: Finding | null): number {
  const untilNs = finding === null || finding.onsetNs <= 0 ? Number.POSITIVE_INFINITY : finding.onsetNs;
  let known = 0;
  let calls = 0;
  for (let row = 0; row < trace.length; row++) {
    if ((trace.enterNs[row] as number) >= untilNs) break;
    calls++;
    if (attribution.states[row] !== NO_STATE) known++;
  }
  return calls === 0 ? 0 : known / calls;
}

export function inferenceWarnings(input: {
  readonly trace: Trace;
  readonly normal: Normal | null;
  readonly coverage: number | null;
  readonly byStack: boolean;
  readonly finding: Finding | null;
}): InferenceWarning[] {
  const { trace, normal, coverage, byStack, finding } = input;
  const warnings: InferenceWarning[] = [];
  if (normal === null) warnings.push({ kind: 'no-signatures' });
  if (coverage !== null && coverage < GOOD_COVERAGE) warnings.push({ kind: 'drift', coverage });
  if (normal !== null) {
    const share = unstableShare(normal);
    if (share > UNSTABLE_SHARE) warnings.push({ kind: 'unstable-signatures', share });
  }
  if (byStack) warnings.push({ kind: 'stacks' });
  if (finding?.kind === 'gone') warnings.push({ kind: 'no-calls' });
  const events = trace.losses.reduce((sum, loss) => sum + loss.events, 0);
  if (events > 0) warnings.push({ kind: 'lost-events', events });
  return warnings;
}

/** Share of the signatures seen in more than one workload that do not hold from one to another. */
function unstableShare({ signatures }: Normal): number {
  const measured = signatures.flatMap(({ stability }) => (stability === null ? [] : [stability]));
  const unstable = measured.filter((stability) => stability < STABLE_SHARE);
  return measured.length === 0 ? 0 : unstable.length / measured.length;
}

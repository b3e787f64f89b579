import type { SignatureSet } from '../signatures/signature-set.ts';
import { skipWarnings } from '../trace/skip-warnings.ts';
import type { Trace } from '../trace/trace.ts';
import { type Attribution, NO_STATE } from './attribute.ts';
import type { Finding } from './evidence.ts';

/** Below this coverage the signatures are of another build, or the workload has left what the profiles show. */
const DRIFT_COVERAGE = 0.8;
/** Signatures that hold in fewer than this share of left-out invocations drift with the workload. */
const STABLE_SHARE = 0.5;
/** This share of unstable signatures is worth a warning. */
const UNSTABLE_SHARE = 0.3;

/** What a recorder says of its recording is passed on; nodes may be compromised, so not without end. */
const MAX_RECORDER_WARNINGS = 10;
const MAX_RECORDER_WARNING_CHARACTERS = 500;

function fromRecorder(warning: string): string {
  return `The recorder on the node says: ${warning.slice(0, MAX_RECORDER_WARNING_CHARACTERS)}`;
}

/** Share (0…1) of the calls before the onset that were made where the profiles show such a call. */
export function coverageOf(trace: Trace, attribution: Attribution, finding: Finding | null): number {
  const untilNs = finding === null || finding.onsetNs <= 0 ? Number.POSITIVE_INFINITY : finding.onsetNs;
  let known = 0;
  let calls = 0;
  for (let row = 0; row < trace.length; row++) {
    if ((trace.enterNs[row] as number) >= untilNs) break;
    calls++;
    if (attribution.states[row] !== NO_STATE) known++;
  }
  return calls === 0 ? 0 : Number((known / calls).toPrecision(4));
}

export function inferenceWarnings(input: {
  readonly trace: Trace;
  readonly signatures: SignatureSet | null;
  readonly coverage: number | null;
  readonly byStack: boolean;
  readonly finding: Finding | null;
}): string[] {
  const { trace, signatures, coverage, byStack, finding } = input;
  const warnings: string[] = [];
  if (signatures === null) {
    warnings.push(
      'No signature set: functions cannot be named. Make one with `perfscope mine PROFILE… --service NAME` and publish it with `perfscope publish`.',
    );
  }
  if (coverage !== null && coverage < DRIFT_COVERAGE) {
    warnings.push(
      `The signatures explain only ${percent(coverage)} of the calls before the onset: the build or the workload has changed since they were mined. Mine again from profiles of this build.`,
    );
  }
  if (signatures !== null) {
    const measured = signatures.signatures.filter(({ stability }) => stability !== null);
    const unstable = measured.filter(({ stability }) => (stability ?? 1) < STABLE_SHARE);
    if (measured.length > 0 && unstable.length > UNSTABLE_SHARE * measured.length) {
      warnings.push(
        `${percent(unstable.length / measured.length)} of the signatures do not hold from one workload to another: profile more workloads.`,
      );
    }
  }
  if (byStack) warnings.push('The trace has call stacks: functions are taken from them, not inferred.');
  if (finding?.kind === 'gone') {
    warnings.push(
      'The faulty code makes no system calls: the suspects are the functions that may run there, with low confidence.',
    );
  }
  const lost = trace.losses.reduce((sum, loss) => sum + loss.events, 0);
  if (lost > 0)
    warnings.push(`The recorder lost ${lost.toLocaleString('en-US')} events: counts are lower bounds.`);
  warnings.push(...(trace.recording?.warnings ?? []).slice(0, MAX_RECORDER_WARNINGS).map(fromRecorder));
  warnings.push(...skipWarnings(trace));
  return warnings;
}

export function percent(share: number): string {
  const value = share * 100;
  return `${value >= 99.95 || value === 0 ? value.toFixed(0) : value >= 10 ? value.toFixed(0) : value.toFixed(1)} %`;
}

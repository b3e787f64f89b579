import type { Confidence, Verdict } from '../report/report.ts';
import { detectLoop } from './detect-loop.ts';
import { detectStall } from './detect-stall.ts';
import { detectGone, detectStuck } from './detect-stuck.ts';
import type { Finding, Observation } from './evidence.ts';

export interface Diagnosis {
  readonly verdict: Verdict;
  readonly confidence: Confidence;
  /** Null when the verdict is normal. */
  readonly finding: Finding | null;
}

/** Abnormality from which on a finding is beyond doubt. */
const CLEAR_RATIO = 10;

/**
 * The verdict. A loop is looked for first, because a thread that spins makes others wait; then calls that do not
 * return, then threads that vanished, then time lost here and there.
 */
export function diagnose(observation: Observation): Diagnosis {
  const loop = detectLoop(observation);
  if (loop !== null) return diagnosis('spin', loop);
  const stuck = detectStuck(observation);
  if (stuck !== null) return diagnosis('hang', stuck);
  const gone = detectGone(observation);
  if (gone !== null)
    return { verdict: gone.onCpu === true ? 'spin' : 'hang', confidence: 'medium', finding: gone };
  const stall = detectStall(observation);
  if (stall !== null) return diagnosis('slowdown', stall);
  return {
    verdict: 'normal',
    confidence: observation.trace.length < FEW_CALLS ? 'low' : 'high',
    finding: null,
  };
}

/** Fewer calls are too few to call a trace normal with confidence. */
const FEW_CALLS = 200;

function diagnosis(verdict: Verdict, finding: Finding): Diagnosis {
  return { verdict, confidence: finding.abnormality >= CLEAR_RATIO ? 'high' : 'medium', finding };
}

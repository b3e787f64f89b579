import { detectGone } from './detect-gone.ts';
import { detectLoop } from './detect-loop.ts';
import { detectStall } from './detect-stall.ts';
import { detectStuck } from './detect-stuck.ts';
import type { Finding } from './finding.ts';
import type { Observation } from './observation.ts';
import type { Confidence, Verdict } from './verdict.ts';
import { coverageOf, GOOD_COVERAGE } from './warnings.ts';

export interface Diagnosis {
  readonly verdict: Verdict;
  readonly confidence: Confidence;
  /** Null when the verdict is normal. */
  readonly finding: Finding | null;
}

/** Abnormality from which on a finding is beyond doubt. */
const CLEAR_RATIO = 10;

/** Onsets this near to each other count as one; then a loop comes first, for a thread that spins makes others wait. */
const SAME_ONSET_NS = 0.5e9;

/**
 * The verdict. Where several things are abnormal, the first to begin is the cause: threads that pile up behind a lock
 * make others retry, a thread that spins makes others wait. Slow answers follow from all of these, so they count only
 * where nothing else is found.
 */
export function diagnose(observation: Observation): Diagnosis {
  const findings = [detectLoop, detectStuck, detectGone]
    .map((detect) => detect(observation))
    .filter((finding) => finding !== null);
  const firstNs = Math.min(...findings.map(({ onsetNs }) => onsetNs));
  const cause =
    findings.find(({ onsetNs }) => onsetNs <= firstNs + SAME_ONSET_NS) ?? detectStall(observation);
  if (cause === null) {
    return {
      verdict: 'normal',
      confidence: normalConfidence(observation),
      finding: null,
    };
  }
  const verdict = verdictOf(cause);
  if (cause.kind === 'gone') return { verdict, confidence: 'medium', finding: cause };
  return { verdict, confidence: cause.abnormality >= CLEAR_RATIO ? 'high' : 'medium', finding: cause };
}

/**
 * Normal is a claim too: it needs calls enough, a yardstick besides the window itself, and nothing that normal runs
 * never show.
 */
function normalConfidence({ calls: { trace, column }, knowledge }: Observation): Confidence {
  if (trace.length < FEW_CALLS) return 'low';
  if (knowledge === null) return 'medium';
  const times = new Uint32Array(column.symbols.length);
  for (const symbol of column.ids) times[symbol]!++;
  const least = Math.max(FEW_NEW_CALLS, trace.window.endNs / 1e9);
  const isNews = times.some((count, symbol) => count >= least && knowledge.rate[symbol] === 0);
  return isNews || coverageOf(trace, knowledge.attribution, null) < GOOD_COVERAGE ? 'medium' : 'high';
}

function verdictOf(finding: Finding): Verdict {
  switch (finding.kind) {
    case 'loop':
      return finding.endless ? 'spin' : 'slowdown';
    case 'stuck':
      return 'hang';
    case 'gone':
      return finding.onCpu === true ? 'spin' : 'hang';
    case 'stall':
      return finding.unanswered ? 'hang' : 'slowdown';
  }
}

/** Fewer calls are too few to call a trace normal with confidence. */
const FEW_CALLS = 200;
/** A symbol that no profile shows is news from so many calls on, and at least one a second. */
const FEW_NEW_CALLS = 20;

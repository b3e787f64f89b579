import { infer } from '../../inference/infer.ts';
import { type MethodOptions, wholeMethod } from '../../inference/method-options.ts';
import type { Report } from '../../report/report.ts';
import { writeReport } from '../../report/write-report.ts';
import { mine } from '../../signatures/mine.ts';
import type { SignatureSet } from '../../signatures/signature-set.ts';
import { cropTrace } from '../../trace/crop-trace.ts';
import type { Trace } from '../../trace/trace.ts';
import { baselineCuts } from './baseline-cuts.ts';
import { caseTrace, type KnownCase } from './known-case.ts';
import { type CaseScore, scoreReport } from './score.ts';

/** Which production trace is scored. */
export type Source = 'perf-script' | 'strace';

/** Which part of the production trace is scored: all of it, or what an alarm finds that comes after the onset. */
export type Window = 'whole' | 'late';

/** A late window begins this long after the anomaly: all in it is abnormal. */
const LATE_SECONDS = 0.5;

export interface EvaluationTools {
  /** Reads a trace file of a case. */
  readonly read: (path: string, stacks: boolean) => Promise<Trace>;
  /** CPU seconds of this process so far: shared machines make wall time useless. */
  readonly cpuSeconds: () => number;
  readonly onProgress: (message: string) => void;
}

export interface Evaluation {
  readonly score: CaseScore;
  /** What was inferred on the production trace. */
  readonly report: Report;
}

/** Mines a case's profiles, infers on its production trace and its baseline, and scores both against the truth. */
export async function evaluateCase(
  known: KnownCase,
  source: Source,
  tools: EvaluationTools,
  method: MethodOptions = wholeMethod,
  window: Window = 'whole',
): Promise<Evaluation | { readonly missing: string }> {
  const production = caseTrace(known, source === 'strace' ? 'production.strace' : 'production.perf-script');
  const baseline = caseTrace(known, 'baseline.perf-script');
  if (known.profiles.length === 0) return { missing: `${known.folder}: no profile-* file` };
  if (production === null) return { missing: `${known.folder}: no production.${source} file` };
  if (window === 'late' && (source === 'strace' || known.anomalyStart === null))
    return { missing: `${known.folder}: no anomalyStart in the clock of production.${source}` };
  const start = tools.cpuSeconds();
  const set = await mineCase(known, tools, method);
  const mined = tools.cpuSeconds();
  tools.onProgress(`${known.id}: inferring`);
  const trace = windowOf(await tools.read(production, false), known, window);
  const report = writeReport(infer(trace, set, method));
  const inferred = tools.cpuSeconds();
  const healthy = baseline === null ? null : await tools.read(baseline, false);
  const baselineVerdict = healthy === null ? null : infer(healthy, set, method).verdict;
  const falseAlarms =
    healthy === null
      ? []
      : baselineCuts(healthy)
          .filter((cut) => infer(cut.trace, set, method).verdict !== 'normal')
          .map((cut) => cut.name);
  return {
    report,
    score: {
      case: known.id,
      kinds: known.kinds,
      primaryMakesCalls: known.primaryMakesCalls,
      ...scoreReport(known, report),
      suspects: report.suspects.length,
      functions: report.narrowing.functions,
      baselineVerdict,
      falseAlarms,
      mineSeconds: Number((mined - start).toFixed(3)),
      seconds: Number((inferred - mined).toFixed(3)),
      events: trace.length,
    },
  };
}

/** The signature set of a case, from its profiles, read one at a time. */
export function mineCase(
  known: KnownCase,
  tools: EvaluationTools,
  method: MethodOptions = wholeMethod,
): Promise<SignatureSet> {
  const profiles = async function* () {
    for (const path of known.profiles) {
      tools.onProgress(`${known.id}: mining ${path}`);
      yield { name: path, trace: await tools.read(path, true) };
    }
  };
  return mine(profiles(), { service: known.id, poolWork: !method.without.has('pool-work') });
}

function windowOf(trace: Trace, { anomalyStart }: KnownCase, window: Window): Trace {
  if (window === 'whole' || anomalyStart === null) return trace;
  const fromNs = (anomalyStart + LATE_SECONDS - trace.window.startSeconds) * 1e9;
  return cropTrace(trace, Math.max(0, fromNs), trace.window.endNs + 1);
}

/** The recorded cases under examples/, through the doors that a user has: mine, infer, and the score against the truth. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { type EvaluationTools, mineCase } from '../../cli/evaluation/evaluate.ts';
import { caseTrace, type KnownCase, readCases } from '../../cli/evaluation/known-case.ts';
import { readSignatureFile } from '../../cli/signature-input.ts';
import { infer } from '../../inference/infer.ts';
import { type Idea, type MethodOptions, wholeMethod } from '../../inference/method-options.ts';
import type { Report } from '../../report/report.ts';
import { writeReport } from '../../report/write-report.ts';
import type { SignatureSet } from '../../signatures/signature-set.ts';
import { cropTrace } from '../../trace/crop-trace.ts';
import { readTraceFile } from '../../trace/read-trace-file.ts';
import type { Trace } from '../../trace/trace.ts';

export const EXAMPLES = join(import.meta.dirname, '../../examples');

export const exampleIds = ['pino-log-spin', 'spoold-held-messages', 'lighttpd-scgi-write-spin'] as const;
export type ExampleId = (typeof exampleIds)[number];

/** The demo's example is a cut of a larger case: its answer stands in examples/README.md, not in a case.json. */
const DEMO = {
  primary: ['scgi_write_request'],
  related: ['mod_scgi_handle_subrequest', 'scgi_handle_fdevent', 'network_write_chunkqueue_writev'],
  kinds: ['spin'],
  anomalyStart: 2010.55,
};

export interface Example {
  readonly truth: Pick<KnownCase, 'primary' | 'related' | 'kinds'>;
  /** Seconds in the clock of `production`. */
  readonly anomalyStart: number;
  readonly signatures: SignatureSet;
  /** The perf script recording. */
  readonly production: Trace;
}

export const tools: EvaluationTools = {
  read: (path, stacks) => readTraceFile(path, { name: path, stacks }),
  cpuSeconds: () => 0,
  onProgress: () => undefined,
};

export function knownCase(id: ExampleId): KnownCase {
  const known = readCases(EXAMPLES).find((it) => it.id === id);
  if (known === undefined) throw new Error(`examples/${id} has no case.json`);
  return known;
}

export async function readExample(id: ExampleId): Promise<Example> {
  if (id === 'lighttpd-scgi-write-spin') {
    return {
      truth: DEMO,
      anomalyStart: DEMO.anomalyStart,
      signatures: await readSignatureFile(join(EXAMPLES, id, 'signatures.json.gz')),
      production: await tools.read(join(EXAMPLES, id, 'production.perf-script.gz'), false),
    };
  }
  const known = knownCase(id);
  const file = JSON.parse(readFileSync(join(known.folder, 'case.json'), 'utf8'));
  return {
    truth: known,
    anomalyStart: z.object({ anomalyStart: z.number() }).parse(file).anomalyStart,
    signatures: await mineCase(known, tools),
    production: await tools.read(caseTrace(known, 'production.perf-script') ?? '', false),
  };
}

/** Signatures of an example's profiles, mined without an idea. */
export function mineWithout(id: ExampleId, idea: Idea): Promise<SignatureSet> {
  return mineCase(knownCase(id), tools, { ...wholeMethod, without: new Set([idea]) });
}

/** The report as a user gets it; without signatures it names nobody. */
export function reportOf(
  trace: Trace,
  signatures: SignatureSet | null,
  method: Partial<MethodOptions> = {},
): Report {
  return writeReport(infer(trace, signatures, { ...wholeMethod, ...method }));
}

export function reportWithout(trace: Trace, signatures: SignatureSet, idea: Idea): Report {
  return reportOf(trace, signatures, { without: new Set([idea]) });
}

export function reportAsThePaper(trace: Trace, signatures: SignatureSet): Report {
  return reportOf(trace, signatures, { paperRanking: true });
}

/** What an alarm that rings late finds: the window begins half a second after the anomaly. */
export function lateWindow({ production, anomalyStart }: Example): Trace {
  const fromNs = (anomalyStart + 0.5 - production.window.startSeconds) * 1e9;
  return cropTrace(production, fromNs, production.window.endNs + 1);
}

/** A suspect's name without the file that Node.js puts behind it. */
export function shortNames(report: Report): string[] {
  return report.suspects.map(({ function: name }) => name.split(' ')[0] ?? name);
}

/** All recordings of real servers that the repository holds: of the examples, and the readers' own. */
export function realSamples(): { readonly name: string; readonly path: string }[] {
  const fixtures = join(import.meta.dirname, '../fixtures/trace');
  const found = [
    ...readdirSync(fixtures).map((file) => ({ name: file, path: join(fixtures, file) })),
    ...exampleIds.flatMap((id) =>
      readdirSync(join(EXAMPLES, id))
        .filter((file) => /^(?:production|baseline|profile-)/.test(file))
        .map((file) => ({ name: `${id}.${file}`, path: join(EXAMPLES, id, file) })),
    ),
  ];
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

import { existsSync } from 'node:fs';
import { caseTrace, type KnownCase, readCases } from '../cli/evaluation/known-case.ts';
import { mine } from '../signatures/mine.ts';
import type { Profile } from '../signatures/profile-calls.ts';
import type { SignatureSet } from '../signatures/signature-set.ts';
import { readTraceFile } from '../trace/read-trace-file.ts';
import type { Trace } from '../trace/trace.ts';

/** A case with all that a benchmark needs: profiles to mine and a trace to infer on. */
export interface RecordedCase {
  readonly id: string;
  readonly profiles: readonly string[];
  readonly production: string;
}

/** The complete cases below a folder; none where there is no such folder. */
export function recordedCases(folder: string): RecordedCase[] {
  if (!existsSync(folder)) return [];
  return readCases(folder).flatMap((known: KnownCase) => {
    const production = caseTrace(known, 'production.perf-script');
    if (production === null || known.profiles.length === 0) return [];
    return [{ id: known.id, profiles: known.profiles, production }];
  });
}

export function mineCase({ id, profiles }: RecordedCase): Promise<SignatureSet> {
  async function* read(): AsyncGenerator<Profile> {
    for (const name of profiles) yield { name, trace: await readTraceFile(name, { stacks: true }) };
  }
  return mine(read(), { service: id });
}

/** An enter and an exit for each call, and the context switches: the events that perf script prints. */
export function eventsOf(trace: Trace): number {
  return 2 * trace.length + (trace.switches?.timeNs.length ?? 0);
}

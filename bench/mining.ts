/** `mining`: events a CPU-second from profiles on disk to a signature set, reading included. */
import { readTraceFile } from '../trace/read-trace-file.ts';
import { type BenchmarkOptions, type BenchmarkResult, median, rounded } from './benchmark.ts';
import { ownCpuSeconds } from './cpu-time.ts';
import { eventsOf, mineCase, type RecordedCase, recordedCases } from './recorded-case.ts';

interface MinedCase {
  readonly recorded: RecordedCase;
  readonly events: number;
  /** Frequent episodes of all functions. */
  readonly patterns: number;
  readonly functions: number;
  readonly measured: number[];
}

export async function mining({ rounds, cases, progress }: BenchmarkOptions): Promise<BenchmarkResult> {
  const mined: MinedCase[] = [];
  for (const recorded of recordedCases(cases)) {
    progress(`mining ${recorded.id}, not counted`);
    let events = 0;
    for (const profile of recorded.profiles) events += eventsOf(await readTraceFile(profile));
    const set = await mineCase(recorded);
    const patterns = set.signatures.reduce((sum, { episodes }) => sum + episodes.length, 0);
    mined.push({ recorded, events, patterns, functions: set.signatures.length, measured: [] });
  }
  if (mined.length === 0) {
    return {
      figures: { eventsPerCpuSecond: null, patterns: null },
      skipped: [
        { figure: 'all', reason: `${cases} holds no case with profiles (--cases FOLDER names another)` },
      ],
      notes: [],
    };
  }
  for (let round = 1; round <= rounds; round++) {
    for (const { recorded, measured } of mined) {
      progress(`round ${round} of ${rounds}: ${recorded.id}`);
      measured.push(await ownCpuSeconds(() => mineCase(recorded)));
    }
  }
  const events = mined.reduce((sum, one) => sum + one.events, 0);
  const seconds = mined.reduce((sum, { measured }) => sum + median(measured), 0);
  return {
    figures: {
      eventsPerCpuSecond: Math.round(events / seconds),
      patterns: mined.reduce((sum, one) => sum + one.patterns, 0),
      cpuSecondsPerCase: Object.fromEntries(
        mined.map(({ recorded, measured }) => [recorded.id, rounded(median(measured))]),
      ),
    },
    skipped: [],
    notes: mined.map(
      ({ recorded, measured, ...one }) =>
        `${recorded.id.padEnd(34)} ${one.events} events, ${one.functions} functions, ${one.patterns} patterns` +
        ` in ${median(measured).toFixed(2)} CPU-s`,
    ),
  };
}

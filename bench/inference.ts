/**
 * `inference`: what it costs to read a recorded trace and infer on it, next to `perf script` only printing as many
 * events; how the inference grows with the trace; where its time goes; and how much memory the command takes.
 *
 * perf script prints a recording of its own (bench/system-call-load.ts), because the cases hold its text, and not
 * what it was printed from; its cost per event hardly depends on the events.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { infer } from '../inference/infer.ts';
import { writeReport } from '../report/write-report.ts';
import { type SignatureSet, serializeSignatureSet } from '../signatures/signature-set.ts';
import { readTraceFile } from '../trace/read-trace-file.ts';
import { type BenchmarkOptions, type BenchmarkResult, median, rounded } from './benchmark.ts';
import { commandCpuSeconds, ownCpuSeconds } from './cpu-time.ts';
import { eventsOf, mineCase, type RecordedCase, recordedCases } from './recorded-case.ts';
import { stageShares } from './stage-shares.ts';
import { inScratchFolder, recordWithPerf } from './system-call-load.ts';
import { tileTrace } from './tile-trace.ts';

const PERF_BLOCKS = 50_000;
const PERF_FIELDS = 'comm,pid,tid,cpu,time,event,trace';

/** How often the largest trace is repeated for the growth. */
const TILES = [1, 2, 4] as const;

interface InferredCase {
  readonly recorded: RecordedCase;
  readonly signatures: SignatureSet;
  readonly events: number;
  readonly measured: number[];
}

export async function inference(options: BenchmarkOptions): Promise<BenchmarkResult> {
  const { rounds, progress } = options;
  const cases: InferredCase[] = [];
  for (const recorded of recordedCases(options.cases)) {
    progress(`${recorded.id}: mining, and a first inference, not counted`);
    const signatures = await mineCase(recorded);
    const trace = await readTraceFile(recorded.production);
    writeReport(infer(trace, signatures));
    cases.push({ recorded, signatures, events: eventsOf(trace), measured: [] });
  }
  const largest = cases.reduce<InferredCase | null>(
    (most, one) => (most === null || one.events > most.events ? one : most),
    null,
  );
  if (largest === null) {
    return {
      figures: { vsPerfScriptPrint: null, peakMiB: null, growthExponent: null },
      skipped: [
        {
          figure: 'all',
          reason: `${options.cases} holds no case with profiles (--cases FOLDER names another)`,
        },
      ],
      notes: [],
    };
  }
  return inScratchFolder(async (folder) => {
    progress('recording with perf');
    const perf = recordWithPerf(folder, PERF_BLOCKS);
    const printing: number[] = [];
    const growing: number[][] = TILES.map(() => []);
    const base = await readTraceFile(largest.recorded.production);
    const tiles = TILES.map((times) => tileTrace(base, times));
    for (let round = 1; round <= rounds; round++) {
      progress(`round ${round} of ${rounds}`);
      if ('file' in perf) {
        printing.push(commandCpuSeconds('perf', ['script', '-F', PERF_FIELDS, '-i', perf.file]));
      }
      for (const { recorded, signatures, measured } of cases) {
        measured.push(
          await ownCpuSeconds(async () =>
            writeReport(infer(await readTraceFile(recorded.production), signatures)),
          ),
        );
      }
      for (const [index, tile] of tiles.entries()) {
        growing[index]?.push(await ownCpuSeconds(async () => writeReport(infer(tile, largest.signatures))));
      }
    }
    progress('profiling the stages');
    const shares = await stageShares('infer', async () =>
      writeReport(infer(await readTraceFile(largest.recorded.production), largest.signatures)),
    );
    progress('measuring memory');
    const peakMiB = peakMemory(folder, largest);

    const events = cases.reduce((sum, one) => sum + one.events, 0);
    const rate = events / cases.reduce((sum, { measured }) => sum + median(measured), 0);
    const printRate = 'file' in perf ? (await perfEvents(folder, perf.file)) / median(printing) : null;
    return {
      figures: {
        vsPerfScriptPrint: printRate === null ? null : rounded(rate / printRate),
        peakMiB,
        growthExponent: rounded(
          growthExponent(
            tiles.map(({ length }) => length),
            growing.map(median),
          ),
        ),
        eventsPerCpuSecond: Math.round(rate),
        shares,
      },
      skipped: 'skipped' in perf ? [{ figure: 'vsPerfScriptPrint', reason: perf.skipped }] : [],
      notes: [
        ...cases.map(
          ({ recorded, events: count, measured }) =>
            `${recorded.id.padEnd(34)} ${count} events read and inferred in ${median(measured).toFixed(2)} CPU-s`,
        ),
        `growth, stages and memory: ${largest.recorded.id}, its trace ${TILES.join(', ')} times over`,
      ],
    };
  });
}

/** Number of events that perf script prints for a recording. */
async function perfEvents(folder: string, data: string): Promise<number> {
  const text = join(folder, 'load.perf-script');
  const printed = spawnSync('bash', [
    '-c',
    'perf script -F "$1" -i "$2" > "$3" 2>/dev/null',
    'bash',
    PERF_FIELDS,
    data,
    text,
  ]);
  if (printed.status !== 0) throw new Error(`perf script: exit code ${printed.status}`);
  return eventsOf(await readTraceFile(text));
}

/** Largest resident size of `perfscope infer` on a case, in MiB. */
function peakMemory(folder: string, { recorded, signatures }: InferredCase): number {
  const set = join(folder, 'signatures.json');
  writeFileSync(set, serializeSignatureSet(signatures));
  const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
  const run = spawnSync(
    process.execPath,
    [
      '--import',
      here('./report-peak.ts'),
      here('../cli/perfscope.ts'),
      'infer',
      recorded.production,
      '--signatures',
      set,
    ],
    { stdio: ['ignore', 'ignore', 'pipe', 'pipe'], encoding: 'utf8' },
  );
  const kibibytes = Number(run.output[3]);
  if (run.status !== 0 || !(kibibytes > 0)) throw new Error(`perfscope infer: ${run.stderr}`);
  return Math.round(kibibytes / 1024);
}

/** Slope of time over size, both as logarithms, by least squares: 1 is linear. */
export function growthExponent(sizes: readonly number[], seconds: readonly number[]): number {
  const x = sizes.map(Math.log);
  const y = seconds.map(Math.log);
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanX, meanY] = [mean(x), mean(y)];
  const covariance = x.reduce(
    (sum, value, index) => sum + (value - meanX) * ((y[index] ?? Number.NaN) - meanY),
    0,
  );
  const variance = x.reduce((sum, value) => sum + (value - meanX) ** 2, 0);
  return covariance / variance;
}

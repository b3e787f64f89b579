/**
 * `decode`: how many events a CPU-second our readers take in, next to `perf script` printing and `perf trace -s`
 * summarising the same recording. Every tool reads the same events in alternating rounds.
 *
 * Ours is the CPU time of reading the file into a Trace in a process that has read it before (so Node's start, some
 * 50 ms, is not in it, as in a warm Lambda function). perf's is its whole process.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, zstdCompressSync } from 'node:zlib';
import { readTraceFile } from '../trace/read-trace-file.ts';
import { type BenchmarkOptions, type BenchmarkResult, type Figure, median, rounded } from './benchmark.ts';
import { commandCpuSeconds, hasCommand } from './cpu-time.ts';
import { startReading } from './reading-process.ts';
import { eventsOf } from './recorded-case.ts';
import { missingForRing, startRing, writeCut } from './ring-recording.ts';
import { inScratchFolder, type RecordedLoad, recordWithPerf, recordWithStrace } from './system-call-load.ts';

/** Blocks of the load: about 3.2 million events for perf, and under strace, which is far slower, 120,000. */
const PERF_BLOCKS = 400_000;
const STRACE_BLOCKS = 15_000;

/** The ring's memory per CPU: the whole load, so that it holds what perf holds. */
const RING_KILOBYTES = 128 * 1024;

/** Not counted: until V8 has compiled what it will. */
const WARM_UP_ROUNDS = 2;

const PERF_FIELDS = 'comm,pid,tid,cpu,time,event,trace';

interface Contestant {
  readonly name: string;
  readonly events: number;
  readonly cpuSeconds: () => Promise<number>;
  readonly measured: number[];
  readonly stop: () => void;
}

export async function decode(options: BenchmarkOptions): Promise<BenchmarkResult> {
  return inScratchFolder(async (folder) => {
    const skipped: { figure: string; reason: string }[] = [];
    const contestants: Contestant[] = [];

    options.progress('recording with perf, and with the ring at the same time');
    const noRing = missingForRing();
    const ring =
      noRing === null
        ? startRing(folder, `bench-decode-${process.pid}`, [process.pid], RING_KILOBYTES, true)
        : null;
    let perf: RecordedLoad;
    try {
      perf = recordWithPerf(folder, PERF_BLOCKS);
      if (ring !== null) {
        const file = join(folder, 'load.dat');
        writeCut(await ring.finish(), file);
        const events = eventsOf(await readTraceFile(file));
        contestants.push(reader('trace.dat', file, events));
        contestants.push(reader('trace.dat.zst', packedByZstd(file), events));
        contestants.push(reader('trace.dat.gz', packedByGzip(file), events));
      }
    } finally {
      await ring?.disarm();
    }
    if (noRing !== null) skipped.push({ figure: 'eventsPerCpuSecond.trace.dat', reason: noRing });
    if ('file' in perf) {
      const text = join(folder, 'load.perf-script');
      printWithPerf(perf.file, text);
      const events = eventsOf(await readTraceFile(text));
      contestants.push(
        reader('perf-script', text, events),
        reader('perf-script.gz', packedByGzip(text), events),
        command('perf script', events, 'perf', ['script', '-F', PERF_FIELDS, '-i', perf.file]),
      );
      const summary = ['trace', '-s', '-i', perf.file];
      if (spawnSync('perf', summary).status === 0) {
        contestants.push(command('perf trace -s', events, 'perf', summary));
      } else {
        skipped.push({ figure: 'vsPerfTraceSummary', reason: 'this perf was built without `perf trace`' });
      }
    } else {
      for (const figure of ['eventsPerCpuSecond.perf-script', 'vsPerfScript', 'vsPerfTraceSummary']) {
        skipped.push({ figure, reason: perf.skipped });
      }
    }

    options.progress('recording with strace');
    const strace = recordWithStrace(folder, STRACE_BLOCKS);
    if ('file' in strace) {
      contestants.push(reader('strace', strace.file, eventsOf(await readTraceFile(strace.file))));
    } else {
      skipped.push({ figure: 'eventsPerCpuSecond.strace', reason: strace.skipped });
    }

    try {
      for (let round = 1 - WARM_UP_ROUNDS; round <= options.rounds; round++) {
        for (const contestant of contestants) {
          options.progress(`round ${round} of ${options.rounds}: ${contestant.name}`);
          const seconds = await contestant.cpuSeconds();
          if (round > 0) contestant.measured.push(seconds);
        }
      }
    } finally {
      for (const { stop } of contestants) stop();
    }

    const rates = new Map(
      contestants.map(({ name, events, measured }) => [name, events / median(measured)] as const),
    );
    return { figures: figuresOf(rates), skipped, notes: notesOf(contestants, rates) };
  });
}

function reader(name: string, file: string, events: number): Contestant {
  return { name, events, measured: [], ...startReading(file) };
}

function command(name: string, events: number, program: string, args: readonly string[]): Contestant {
  const cpuSeconds = async () => commandCpuSeconds(program, args);
  return { name, events, measured: [], cpuSeconds, stop: () => {} };
}

function printWithPerf(data: string, text: string): void {
  const output = openSync(text, 'w');
  try {
    const printed = spawnSync('perf', ['script', '-F', PERF_FIELDS, '-i', data], {
      stdio: ['ignore', output, 'ignore'],
    });
    if (printed.status !== 0) throw new Error(`perf script: exit code ${printed.status}`);
  } finally {
    closeSync(output);
  }
}

function packedByGzip(file: string): string {
  if (!hasCommand('gzip')) throw new Error('gzip is not installed');
  if (spawnSync('gzip', ['-k', '-1', file]).status !== 0) throw new Error(`gzip ${file} failed`);
  return `${file}.gz`;
}

/** As the shipper packs it. */
function packedByZstd(file: string): string {
  const packed = `${file}.zst`;
  const params = { [constants.ZSTD_c_compressionLevel]: 1 };
  writeFileSync(packed, zstdCompressSync(readFileSync(file), { params }));
  return packed;
}

const perfTools: ReadonlySet<string> = new Set(['perf script', 'perf trace -s']);

function figuresOf(rates: ReadonlyMap<string, number>): Record<string, Figure> {
  const ratio = (ours: number | undefined, theirs: number | undefined): number | null =>
    ours === undefined || theirs === undefined ? null : rounded(ours / theirs);
  const best = rates.get('trace.dat') ?? rates.get('perf-script');
  return {
    vsPerfScript: ratio(best, rates.get('perf script')),
    vsPerfTraceSummary: ratio(best, rates.get('perf trace -s')),
    eventsPerCpuSecond: Object.fromEntries(
      [...rates].filter(([name]) => !perfTools.has(name)).map(([name, rate]) => [name, Math.round(rate)]),
    ),
    perfEventsPerCpuSecond: Object.fromEntries(
      [...rates].filter(([name]) => perfTools.has(name)).map(([name, rate]) => [name, Math.round(rate)]),
    ),
  };
}

function notesOf(contestants: readonly Contestant[], rates: ReadonlyMap<string, number>): string[] {
  return contestants.map(({ name, events, measured }) => {
    const rate = ((rates.get(name) ?? Number.NaN) / 1e6).toFixed(2);
    const seconds = median(measured).toFixed(3);
    return `${name.padEnd(15)} ${rate.padStart(7)} million events/CPU-s  (${events} events in ${seconds} CPU-s)`;
  });
}

/**
 * `overhead`: what recording costs a server: redis-server and nginx, without a recorder, with ours, with the same
 * ring switched on by hand (the floor), with perf record and with strace, in alternating order.
 *
 * Measured is the CPU time of the server's own threads for each request, and the requests a second, under as much
 * load as the server takes; and at half that rate, what is left of the requests, how long their answers take, and
 * what CPU time they take.
 */
import { type BenchmarkOptions, type BenchmarkResult, type Figure, median, rounded } from './benchmark.ts';
import { hasCommand } from './cpu-time.ts';
import { measureDrain } from './drain-cost.ts';
import { type Recorder, recorders } from './recorders.ts';
import { missingForRing } from './ring-recording.ts';
import {
  cpuNanoseconds,
  type LoadResult,
  type PacedResult,
  type ServerUnderLoad,
  startNginx,
  startRedis,
} from './server-under-load.ts';
import { inScratchFolder } from './system-call-load.ts';

const SATURATED_SECONDS = 2;
const PACED_SECONDS = 2;

interface Sample {
  readonly cpuMicrosPerRequest: number;
  readonly requestsPerSecond: number;
  /** Mean, where it was measured. */
  readonly answerMicros: number | null;
}

type Samples = Map<string, Sample[]>;

const NEEDED: Readonly<Record<string, readonly string[]>> = {
  'redis-server': ['redis-server', 'redis-benchmark', 'redis-cli'],
  nginx: ['nginx', 'wrk'],
};

export async function overhead(options: BenchmarkOptions): Promise<BenchmarkResult> {
  return inScratchFolder(async (folder) => {
    const skipped: { figure: string; reason: string }[] = [];
    const usable = recorders.filter((recorder) => {
      const reason = recorder.missing();
      if (reason !== null) skipped.push({ figure: recorder.name, reason });
      return reason === null;
    });
    const servers: Record<string, Figure> = {};
    const vsFloor: number[] = [];
    const lost: number[] = [];
    const slower: number[] = [];
    const cpuAdded: number[] = [];
    const machinePoints: number[] = [];
    for (const [name, commands] of Object.entries(NEEDED)) {
      const absent = commands.filter((command) => !hasCommand(command));
      if (absent.length > 0) {
        skipped.push({ figure: name, reason: `${absent.join(', ')} not installed` });
        continue;
      }
      const server = name === 'nginx' ? await startNginx(folder) : await startRedis();
      try {
        const saturated = await measureSaturated(server, usable, folder, options);
        servers[name] = perRecorder(saturated);
        const floor = pairedRatios(saturated, 'perfscope', 'tracefs by hand');
        if (floor.length > 0) vsFloor.push(median(floor));
        const half = await measureHalfLoad(server, saturated, usable, folder, options);
        servers[`${name} at half load`] = perRecorder(half);
        const throughput = pairedRatios(
          half,
          'perfscope',
          'bare',
          ({ requestsPerSecond }) => requestsPerSecond,
        );
        const cpu = pairedRatios(half, 'perfscope', 'bare');
        const answers = pairedRatios(
          half,
          'perfscope',
          'bare',
          ({ answerMicros }) => answerMicros ?? Number.NaN,
        );
        if (cpu.length > 0) {
          lost.push((1 - median(throughput)) * 100);
          slower.push((median(answers) - 1) * 100);
          cpuAdded.push((median(cpu) - 1) * 100);
          machinePoints.push(pointsOfMachine(half));
        }
      } finally {
        await server.close();
      }
    }
    const noRing = missingForRing();
    const drain = noRing === null ? await measureDrain(folder, options) : null;
    if (drain === null) skipped.push({ figure: 'drainVsPlainRead', reason: noRing ?? '' });
    return {
      figures: {
        vsBareTracefs: vsFloor.length === 0 ? null : rounded(Math.max(...vsFloor)),
        halfLoadPercent: mean(lost),
        halfLoadAnswerPercent: mean(slower),
        halfLoadCpuPercent: mean(cpuAdded),
        halfLoadMachinePoints: mean(machinePoints),
        drainVsPlainRead: drain === null ? null : rounded(drain.ratio),
        servers,
      },
      skipped,
      notes: [
        'vsBareTracefs: CPU time per request under our recorder, over that under the same ring made by hand (worst server)',
        'halfLoadPercent: requests lost at half of the saturated rate, mean of the servers;',
        'halfLoadAnswerPercent: by how much the mean time from request to answer rises there;',
        'halfLoadCpuPercent: CPU time per request that recording adds there; halfLoadMachinePoints: in points of all CPUs',
        ...(drain === null ? [] : [`drain: ${drain.note}`]),
      ],
    };
  });
}

async function measureSaturated(
  server: ServerUnderLoad,
  usable: readonly Recorder[],
  folder: string,
  options: BenchmarkOptions,
): Promise<Samples> {
  server.saturate(1); // warm-up
  return alternate(usable, options, server, folder, 'saturated', (recorder) =>
    server.saturate(SATURATED_SECONDS * recorder.share),
  );
}

async function measureHalfLoad(
  server: ServerUnderLoad,
  saturated: Samples,
  usable: readonly Recorder[],
  folder: string,
  options: BenchmarkOptions,
): Promise<Samples> {
  const bare = median(saturated.get('bare')!.map(({ requestsPerSecond }) => requestsPerSecond));
  const rate = Math.round(bare / 2);
  const compared = usable.filter(({ name }) => name === 'bare' || name === 'perfscope');
  return alternate(compared, options, server, folder, `${rate} requests/s`, () =>
    server.pace(rate, PACED_SECONDS),
  );
}

async function alternate(
  usable: readonly Recorder[],
  options: BenchmarkOptions,
  server: ServerUnderLoad,
  folder: string,
  what: string,
  load: (recorder: Recorder) => LoadResult & Partial<PacedResult>,
): Promise<Samples> {
  const samples: Samples = new Map(usable.map(({ name }) => [name, []]));
  for (let round = 1; round <= options.rounds; round++) {
    // Back and forth, so that whatever drifts over time drifts for all.
    for (const recorder of round % 2 === 1 ? usable : [...usable].reverse()) {
      options.progress(`${server.name}, ${what}, round ${round} of ${options.rounds}: ${recorder.name}`);
      const pids = server.pids();
      const stop = await recorder.start(pids, folder);
      try {
        const before = cpuNanoseconds(pids);
        const { requests, seconds, answerMicros = null } = load(recorder);
        const used = cpuNanoseconds(pids) - before;
        samples.get(recorder.name)!.push({
          cpuMicrosPerRequest: used / 1e3 / requests,
          requestsPerSecond: requests / seconds,
          answerMicros,
        });
      } finally {
        await stop();
      }
    }
  }
  return samples;
}

function perRecorder(samples: Samples): Figure {
  const bare = samples.get('bare')!;
  return Object.fromEntries(
    [...samples].map(([name, list]): [string, Figure] => [
      name,
      {
        cpuMicrosPerRequest: rounded(median(list.map((s) => s.cpuMicrosPerRequest))),
        cpuVsBare: rounded(median(list.map((s, i) => s.cpuMicrosPerRequest / bare[i]!.cpuMicrosPerRequest))),
        requestsPerSecond: Math.round(median(list.map((s) => s.requestsPerSecond))),
        ...answerFigures(list, bare),
      },
    ]),
  );
}

function answerFigures(list: readonly Sample[], bare: readonly Sample[]): Record<string, Figure> {
  const micros = list.flatMap(({ answerMicros }) => answerMicros ?? []);
  if (micros.length === 0) return {};
  const ratios = micros.map((value, i) => value / (bare[i]?.answerMicros ?? Number.NaN));
  return { answerMicros: rounded(median(micros)), answerVsBare: rounded(median(ratios)) };
}

/** Ratios within each round: what else the machine does changes from round to round. */
function pairedRatios(
  samples: Samples,
  one: string,
  other: string,
  value = (sample: Sample) => sample.cpuMicrosPerRequest,
): number[] {
  const others = samples.get(other) ?? [];
  return (samples.get(one) ?? []).flatMap((sample, i) => {
    const against = others[i];
    return against === undefined ? [] : [value(sample) / value(against)];
  });
}

/** CPU time that recording adds at this load, in percent of all of the machine's CPUs. */
function pointsOfMachine(samples: Samples): number {
  const used = (name: string) =>
    median(samples.get(name)!.map((s) => (s.cpuMicrosPerRequest * s.requestsPerSecond) / 1e6));
  return ((used('perfscope') - used('bare')) * 100) / navigator.hardwareConcurrency;
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : rounded(values.reduce((sum, value) => sum + value, 0) / values.length);
}

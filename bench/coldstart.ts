/**
 * `coldstart`: how long the deployed bundle takes to be ready for its first event, next to a handler that does
 * nothing, both as processes of their own behind the Runtime API (infra/local-runtime), in alternating rounds.
 *
 * `ownInitMs` is the difference in CPU time (user + system) from the process's start to its first request for an
 * event; wall time stands beside it, because that is what a caller waits for on an idle machine.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleFunction, HANDLER } from '../infra/function-bundle.ts';
import { startEnvironment } from '../infra/local-runtime/runtime-api.ts';
import { type BenchmarkOptions, type BenchmarkResult, median, rounded } from './benchmark.ts';

const MEBIBYTE = 1024 * 1024;

/** Clock ticks a second in /proc (USER_HZ): https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
const TICK_MILLISECONDS = 10;

/** A round is short and the CPU clock coarse: each counts the middle of several starts. */
const STARTS_A_ROUND = 3;

/** Enough for the configuration to be valid; nothing is called. */
const ENVIRONMENT = {
  AWS_REGION: 'eu-central-1',
  AWS_ACCESS_KEY_ID: 'none',
  AWS_SECRET_ACCESS_KEY: 'none',
  TRACES_BUCKET: 'perfscope-traces',
  REPORTS_BUCKET: 'perfscope-reports',
  INCIDENTS_TABLE: 'perfscope-incidents',
  NOTIFICATIONS_TOPIC_ARN: 'arn:aws:sns:eu-central-1:000000000000:perfscope',
  FOLLOW_UPS_QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/000000000000/follow-ups',
};

interface Start {
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly firstMs: number;
  readonly warmMs: number;
}

export async function coldstart(options: BenchmarkOptions): Promise<BenchmarkResult> {
  const scratch = mkdtempSync(join(tmpdir(), 'perfscope-coldstart-'));
  try {
    const ours = join(scratch, 'ours');
    const files = bundleFunction(ours);
    writeFileSync(join(scratch, 'handler.mjs'), 'export const handler = async () => ({ ok: true });\n');
    const measured: Record<'ours' | 'empty', Start[]> = { ours: [], empty: [] };
    for (let round = 1; round <= options.rounds; round += 1) {
      for (let start = 0; start < STARTS_A_ROUND; start += 1) {
        options.progress(`round ${round} of ${options.rounds}`);
        measured.ours.push(await measure(ours));
        measured.empty.push(await measure(scratch));
      }
    }
    return describe(files, measured);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function measure(code: string): Promise<Start> {
  const environment = await startEnvironment({
    code,
    handler: HANDLER,
    memoryMegabytes: 1769,
    timeoutSeconds: 60,
    environment: ENVIRONMENT,
  });
  try {
    const cpuMs = await cpuMilliseconds(environment.process.pid);
    const first = performance.now();
    await environment.invoke({ help: true });
    const warm = performance.now();
    await environment.invoke({ help: true });
    return {
      cpuMs,
      wallMs: environment.initMilliseconds,
      firstMs: warm - first,
      warmMs: performance.now() - warm,
    };
  } finally {
    await environment.stop();
  }
}

/** User and system time of all its threads, from the kernel. */
async function cpuMilliseconds(pid: number | undefined): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The second field is the command in parentheses and may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MILLISECONDS;
}

function describe(
  files: ReadonlyMap<string, number>,
  { ours, empty }: Record<'ours' | 'empty', Start[]>,
): BenchmarkResult {
  const bytes = [...files.values()].reduce((sum, size) => sum + size, 0);
  const of = (starts: readonly Start[], what: keyof Start) => median(starts.map((start) => start[what]));
  return {
    figures: {
      bundleMiB: rounded(bytes / MEBIBYTE),
      ownInitMs: rounded(of(ours, 'cpuMs') - of(empty, 'cpuMs')),
      ownInitWallMs: rounded(of(ours, 'wallMs') - of(empty, 'wallMs')),
      initMs: { ours: rounded(of(ours, 'wallMs')), empty: rounded(of(empty, 'wallMs')) },
      firstInvokeMs: { ours: rounded(of(ours, 'firstMs')), empty: rounded(of(empty, 'firstMs')) },
      warmInvokeMs: { ours: rounded(of(ours, 'warmMs')), empty: rounded(of(empty, 'warmMs')) },
    },
    skipped: [],
    notes: [
      `The bundle has ${[...files].map(([name, size]) => `${name} ${(size / MEBIBYTE).toFixed(2)} MiB`).join(', ')}.`,
      `Medians over ${ours.length} starts each; the event is {"help":true}, which calls no service.`,
    ],
  };
}

/** `npm run --silent bench -- NAME [--json]`: one benchmark, what it measured, and on which machine. */
import { parseArgs } from 'node:util';
import type { Benchmark, BenchmarkResult, Figure } from './benchmark.ts';
import { describeMachine } from './machine.ts';

const benchmarks: Readonly<
  Record<string, { readonly about: string; readonly load: () => Promise<Benchmark> }>
> = {
  decode: {
    about: "our readers' events per CPU-second next to perf script's and perf trace -s's",
    load: async () => (await import('./decode.ts')).decode,
  },
  inference: {
    about:
      'what reading and inferring costs next to perf script printing, how it grows, its stages and memory',
    load: async () => (await import('./inference.ts')).inference,
  },
  mining: {
    about: 'events per CPU-second of mining the profiles of recorded cases',
    load: async () => (await import('./mining.ts')).mining,
  },
  attribution: {
    about: 'how often calls are put under the functions they were made under, on profiles left out of mining',
    load: async () => (await import('./attribution.ts')).attribution,
  },
  coldstart: {
    about: 'size of the deployed bundle, and what it adds to the start of an empty handler',
    load: async () => (await import('./coldstart.ts')).coldstart,
  },
  floor: {
    about: 'what a system call costs more under each way of having the kernel record it',
    load: async () => (await import('./floor.ts')).floor,
  },
  overhead: {
    about: 'what recording costs redis-server and nginx, next to the bare ring, perf record and strace',
    load: async () => (await import('./overhead.ts')).overhead,
  },
};

const DEFAULT_ROUNDS = 5;
const DEFAULT_CASES = 'examples';

const usage = `Usage: npm run --silent bench -- NAME [--json] [--rounds N] [--cases FOLDER]

${Object.entries(benchmarks)
  .map(([name, { about }]) => `  ${name.padEnd(10)} ${about}`)
  .join('\n')}

Figures are medians over N alternating rounds (default ${DEFAULT_ROUNDS}), in CPU time (user + system).
attribution, inference and mining work on recorded cases, as perfscope eval does (default ${DEFAULT_CASES}).
`;

process.exitCode = await main();

async function main(): Promise<number> {
  let name: string | undefined;
  let json = false;
  let rounds = DEFAULT_ROUNDS;
  let cases = DEFAULT_CASES;
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        cases: { type: 'string', default: DEFAULT_CASES },
        rounds: { type: 'string', default: String(DEFAULT_ROUNDS) },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      process.stdout.write(usage);
      return 0;
    }
    [name] = positionals;
    json = values.json;
    cases = values.cases;
    rounds = Number(values.rounds);
    if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds takes a whole number from 1 up');
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return 2;
  }
  const benchmark = name === undefined ? undefined : benchmarks[name];
  if (name === undefined || benchmark === undefined) {
    process.stderr.write(name === undefined ? usage : `no benchmark is called ${name}\n\n${usage}`);
    return 2;
  }
  const run = await benchmark.load();
  const watched = process.stderr.isTTY;
  const result = await run({
    rounds,
    cases,
    progress: (message) => {
      if (watched) process.stderr.write(`\r\x1b[K${name}: ${message}`);
    },
  });
  if (watched) process.stderr.write('\r\x1b[K');
  print(name, result, json);
  return 0;
}

function print(name: string, { figures, skipped, notes }: BenchmarkResult, json: boolean): void {
  const machine = describeMachine();
  if (json) {
    process.stdout.write(`${JSON.stringify({ bench: name, figures, skipped, machine })}\n`);
    return;
  }
  const lines = [
    ...notes,
    '',
    ...flat(figures).map(([figure, value]) => `${figure.padEnd(40)} ${value}`),
    ...skipped.map(({ figure, reason }) => `${figure.padEnd(40)} skipped: ${reason}`),
    '',
    `on ${machine.cpus} × ${machine.cpu}, Linux ${machine.kernel}, Node ${machine.node}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function flat(figures: Readonly<Record<string, Figure>>, prefix = ''): [string, string][] {
  return Object.entries(figures).flatMap(([name, value]): [string, string][] =>
    typeof value === 'object' && value !== null
      ? flat(value, `${prefix}${name}.`)
      : [[`${prefix}${name}`, String(value)]],
  );
}

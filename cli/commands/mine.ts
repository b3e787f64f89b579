import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Command } from 'commander';
import type { Profile } from '../../signatures/profile-calls.ts';
import type { LibraryFrames } from '../../signatures/user-functions.ts';
import type { Architecture } from '../../trace/trace.ts';
import { architectureOption } from '../architecture-option.ts';
import { InputError } from '../input-error.ts';
import { writeOutput } from '../output.ts';
import { createProgress, type Progress } from '../progress.ts';
import { readTraceInput } from '../trace-input.ts';

interface MineOptions {
  readonly service: string;
  readonly build?: string;
  readonly output: string;
  readonly libraries?: string;
  readonly arch?: Architecture;
}

export function register(program: Command): void {
  program
    .command('mine')
    .summary("learn the functions' signatures from profiles of normal runs")
    .description(
      "Learns what each function's system calls look like from profiles of NORMAL runs with call stacks, and writes " +
        'them as one signature set. Give several profiles under different workloads, a minute or so each: what one ' +
        'workload never does, its profile cannot teach.',
    )
    .argument('<profiles...>', 'perf script text with call stacks, plain, gzip or zstd (docs/profiling.md)')
    .requiredOption('-s, --service <name>', 'the service that the profiles are of')
    .option('-b, --build <version>', 'its version: reports warn when production runs another one')
    .requiredOption(
      '-o, --output <file>',
      'where to write the signature set; .gz compresses, - is standard output',
    )
    .option(
      '--libraries <file>',
      'JSON with further libraries to leave out: {"objects": [regex], "functions": [regex]}',
    )
    .addOption(architectureOption())
    .addHelpText(
      'after',
      `
Example:
  perf record -o read.data -m 8M -k CLOCK_MONOTONIC -e 'raw_syscalls:sys_*,sched:sched_switch' \\
      --call-graph dwarf,8192 --user-callchains -p "$(pidof shopd)" -- sleep 45
  perf script -i read.data --no-inline -F comm,pid,tid,cpu,time,event,trace,ip,sym,dso | gzip > read.perf-script.gz
  perfscope mine read.perf-script.gz write.perf-script.gz --service shop --build 1.4.2 -o signatures.json

That is for C and C++. Node.js and Java need --call-graph fp and flags of their own: docs/profiling.md.`,
    )
    .action(async (profiles: string[], options: MineOptions) => {
      const progress = createProgress();
      const [{ mine }, { serializeSignatureSet }] = await Promise.all([
        import('../../signatures/mine.ts'),
        import('../../signatures/signature-set.ts'),
      ]);
      try {
        const set = await mine(readProfiles(profiles, options.arch, progress), {
          service: options.service,
          ...(options.build === undefined ? {} : { build: options.build }),
          ...(options.libraries === undefined ? {} : { libraryFrames: readLibraries(options.libraries) }),
          onProgress: (step) => progress.show(step),
        });
        progress.clear();
        writeOutput(options.output, serializeSignatureSet(set));
        const calls = set.profiles.reduce((sum, profile) => sum + profile.calls, 0);
        process.stderr.write(
          `${set.signatures.length} functions' signatures of ${set.service} from ${calls} system calls in` +
            ` ${set.profiles.length} ${set.profiles.length === 1 ? 'profile' : 'profiles'}\n`,
        );
      } finally {
        progress.clear();
      }
    });
}

/** One profile at a time: only what was learned from the others is kept. */
async function* readProfiles(
  paths: readonly string[],
  architecture: Architecture | undefined,
  progress: Progress,
): AsyncGenerator<Profile> {
  for (const path of paths) {
    const trace = await readTraceInput(path, {
      stacks: true,
      progress,
      ...(architecture === undefined ? {} : { architecture }),
    });
    // The set is published: it must not tell where the profiles lay.
    yield { name: basename(path), trace };
  }
}

const LIBRARY_KEYS = ['objects', 'functions', 'entries'] as const satisfies readonly (keyof LibraryFrames)[];

function readLibraries(path: string): Partial<LibraryFrames> {
  const expected = 'expected JSON such as {"objects": ["^/opt/vendor/"], "functions": ["^vendor_"]}';
  let document: unknown;
  try {
    document = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new InputError(`${path}: ${error instanceof Error ? error.message : String(error)}; ${expected}`, {
      cause: error,
    });
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw new InputError(`${path}: no object; ${expected}`);
  }
  const frames: Partial<Record<keyof LibraryFrames, string[]>> = {};
  for (const [key, value] of Object.entries(document)) {
    const known = LIBRARY_KEYS.find((name) => name === key);
    if (known === undefined) throw new InputError(`${path}: unknown key ${key}; ${expected}`);
    if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
      throw new InputError(`${path}: ${key} is no list of strings; ${expected}`);
    }
    frames[known] = value;
  }
  return frames;
}

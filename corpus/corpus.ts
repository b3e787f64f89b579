/** `npm run --silent corpus -- make|list|check|judge …`: makes labelled cases, and tells what is there (docs/corpus.md). */
import { parseArgs } from 'node:util';
import { checkServer } from './check.ts';
import { judgeServer } from './judge.ts';
import { listServer } from './list.ts';
import { makeServer } from './make.ts';
import { loadRecipe, recipeFolder, serverNames } from './servers.ts';

const DEFAULT_OUT = '/var/tmp/perfscope-corpus';
const DEFAULT_JOBS = 3;

const usage = `Usage: npm run --silent corpus -- make SERVER [--only NAME,…] [--jobs N] [--out DIR]
       npm run --silent corpus -- list [SERVER…] [--out DIR]
       npm run --silent corpus -- check [SERVER…] [--out DIR]
       npm run --silent corpus -- judge [SERVER…] [--out DIR]

make   builds the server and records what is not there yet; needs root, perf and cgroups
       --only takes parts (a bug's or window's id, profile-NAME, baseline) or folders (bugs, blameless, healthy)
       --jobs how many recordings run side by side (default ${DEFAULT_JOBS})
list   counts what there is of each server
check  checks recipes, and what was made against them
judge  judges anew from the clients' logs who notices each bug, and prints what changes
--out  where the corpus lies (default ${DEFAULT_OUT}); never inside the repository

Servers: ${serverNames().join(', ')}
`;

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

async function main(): Promise<number> {
  let words: string[];
  let values: { only?: string; jobs: string; out: string; help: boolean };
  try {
    ({ positionals: words, values } = parseArgs({
      allowPositionals: true,
      options: {
        only: { type: 'string' },
        jobs: { type: 'string', default: String(DEFAULT_JOBS) },
        out: { type: 'string', default: DEFAULT_OUT },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    return usageError(error instanceof Error ? error.message : String(error));
  }
  const [command, ...servers] = words;
  if (values.help || command === undefined) {
    process.stdout.write(usage);
    return values.help ? 0 : 2;
  }
  const jobs = Number(values.jobs);
  if (!Number.isInteger(jobs) || jobs < 1) return usageError('--jobs takes a whole number from 1 up');
  const unknown = servers.filter((name) => !serverNames().includes(name));
  if (unknown.length > 0) return usageError(`no server is called ${unknown.join(', ')}`);
  switch (command) {
    case 'make':
      return servers.length === 1
        ? make(servers[0] as string, values.only, jobs, values.out)
        : usageError('make takes one server');
    case 'list':
      for (const name of all(servers)) say(listServer(await loadRecipe(name), values.out));
      return 0;
    case 'check': {
      const problems: string[] = [];
      for (const name of all(servers))
        problems.push(...(await checkServer(await loadRecipe(name), values.out)));
      say(problems.length === 0 ? 'all is well' : problems.join('\n'));
      return problems.length === 0 ? 0 : 1;
    }
    case 'judge':
      for (const name of all(servers)) {
        for (const line of judgeServer(await loadRecipe(name), values.out)) say(line);
      }
      return 0;
    default:
      return usageError(`no command is called '${command}'`);
  }
}

async function make(
  name: string,
  only: string | undefined,
  jobs: number,
  outFolder: string,
): Promise<number> {
  const failed = await makeServer({
    recipe: await loadRecipe(name),
    recipeFolder: recipeFolder(name),
    outFolder,
    only: only?.split(',') ?? [],
    jobs,
    log: say,
  });
  if (failed.length > 0) say(`failed: ${failed.join(', ')}`);
  return failed.length > 0 ? 1 : 0;
}

function all(servers: readonly string[]): readonly string[] {
  return servers.length > 0 ? servers : serverNames();
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function usageError(message: string): number {
  process.stderr.write(`${message}\n\n${usage}`);
  return 2;
}

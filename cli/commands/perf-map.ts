import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { keepNewestEntries } from '../../signatures/perf-map.ts';
import { InputError } from '../input-error.ts';

interface PerfMapOptions {
  readonly output?: string;
}

/** `perfscope perf-map PID`: makes perf name a JIT's code by the newest entry of its map. */
export function register(program: Command): void {
  program
    .command('perf-map')
    .summary('repair the perf map of a Node.js process before perf script reads it')
    .description(
      'V8 appends to /tmp/perf-PID.map and uses addresses again, and perf then takes any entry that ' +
        'covers an address. This rewrites the map so that the newest entry wins. Run it after the ' +
        'recording, when the process has ended or will not be recorded again, and before perf script.',
    )
    .argument('<map>', 'process id, or the path of a perf map')
    .option('-o, --output <file>', 'write here instead of replacing the map')
    .action(async (map: string, options: PerfMapOptions) => {
      const path = /^\d+$/.test(map) ? `/tmp/perf-${map}.map` : map;
      const newest = keepNewestEntries(await readMap(path));
      if (newest.entries === 0) {
        throw new InputError(
          `${path}: expected a perf map with lines "START SIZE NAME", found none in it: start the server with ` +
            'node --perf-basic-prof --interpreted-frames-native-stack',
        );
      }
      await replaceMap(path, options.output ?? path, newest.text);
      const { entries, replaced, trimmed, skippedLines } = newest;
      process.stderr.write(
        `${options.output ?? path}: ${entries} entries, ${replaced} covered by newer code and dropped, ` +
          `${trimmed} cut short, ${skippedLines} lines skipped\n`,
      );
    });
}

async function readMap(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new InputError(
      `${path}: expected the perf map of a process, but it cannot be read (${(error as Error).message}): ` +
        'give the id of a process started with node --perf-basic-prof, on the machine where it ran',
      { cause: error },
    );
  }
}

/** In one step, so that perf never reads half a map. */
async function replaceMap(source: string, target: string, text: string): Promise<void> {
  const draft = `${target}.${process.pid}.new`;
  // perf ignores a map that belongs neither to root nor to whom runs it (tools/perf/util/symbol.c).
  const { mode } = await stat(source);
  await writeFile(draft, text, { mode: mode & 0o777 });
  await rename(draft, target);
}

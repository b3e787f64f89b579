import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MadeEntry, type MadeList, patchHash, patchHashes, readMade, writeMade } from './made.ts';
import { type Part, planParts } from './plan.ts';
import { lockFile } from './ports.ts';
import type { Place, ServerRecipe } from './recipe.ts';
import { endAllRuns } from './server-run.ts';
import { recordedTools } from './tools.ts';
import { openWorkshop, type Workshop } from './workshop.ts';

export interface MakeOptions {
  readonly recipe: ServerRecipe;
  readonly recipeFolder: string;
  readonly outFolder: string;
  /** Parts to make (ids or names); empty is all. */
  readonly only: readonly string[];
  readonly jobs: number;
  readonly log: (line: string) => void;
}

const ATTEMPTS = 2;
const BUILT = '.built';

/** Makes what is not there yet. Resolves with the names of the parts that failed. */
export async function makeServer(options: MakeOptions): Promise<string[]> {
  const { recipe, outFolder, only, log } = options;
  const workshop = openWorkshop(recipe, outFolder);
  for (const folder of [workshop.serverFolder, join(outFolder, '.runs')])
    mkdirSync(folder, { recursive: true });
  const lock = join(outFolder, '.runs', `${recipe.name}.lock`);
  if (!lockFile(lock)) throw new Error(`${recipe.name} is being made by another process (${lock})`);
  const stop = () => {
    endAllRuns();
    rmSync(lock, { force: true });
    process.exit(130);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  try {
    const parts = planParts(workshop).filter(({ name }) => isWanted(name, only));
    if (parts.length === 0) throw new Error(`${recipe.name} has nothing called ${only.join(', ')}`);
    const missing = parts.filter((part) => !part.isWhole());
    log(`${recipe.name}: ${parts.length} parts, ${missing.length} to make`);
    if (missing.length === 0) return [];
    const patches = patchHashes(recipe, options.recipeFolder);
    await build(workshop, patchHash(patches), log);
    const made = madeList(workshop, patches);
    const failed: string[] = [];
    for (const stage of ['normal', 'case'] as const) {
      const queue = missing.filter((part) => part.stage === stage);
      await Promise.all(
        Array.from({ length: options.jobs }, async () => {
          for (let part = queue.shift(); part !== undefined; part = queue.shift()) {
            const entry = await attempt(part, workshop, patchHash(patches), log);
            if (entry === null) failed.push(part.name);
            else {
              made.entries[part.name] = entry;
              writeMade(workshop.serverFolder, made);
            }
          }
        }),
      );
      if (stage === 'normal' && failed.length > 0) throw new Error(`not recorded: ${failed.join(', ')}`);
    }
    return failed;
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop);
    rmSync(lock, { force: true });
  }
}

/** `--only` takes a part's name, its last piece, or a folder of cases. */
export function isWanted(name: string, only: readonly string[]): boolean {
  const pieces = name.split('/');
  return only.length === 0 || only.some((wanted) => wanted === name || pieces.includes(wanted));
}

async function attempt(
  part: Part,
  workshop: Workshop,
  hash: string,
  log: (line: string) => void,
): Promise<MadeEntry | null> {
  const { recipe } = workshop;
  for (let tries = 1; tries <= ATTEMPTS; tries++) {
    const began = performance.now();
    try {
      const { commands, about } = await part.make();
      const seconds = Math.round((performance.now() - began) / 1000);
      log(`${recipe.name} ${part.name}: ${about} (${seconds} s)`);
      return {
        version: recipe.version,
        patchHash: hash,
        ...exampleCommands(workshop),
        recorders: commands,
        seconds,
      };
    } catch (error) {
      log(
        `${recipe.name} ${part.name}: attempt ${tries} failed: ${error instanceof Error ? error.message : error}`,
      );
    }
  }
  return null;
}

/** The commands as they are written for the folders and ports of no run in particular. */
function exampleCommands({ recipe, buildFolder }: Workshop): Pick<MadeEntry, 'server' | 'load'> {
  const place: Place = {
    buildFolder,
    runFolder: 'RUN',
    diskFolder: 'RUN/disk',
    ports: Array.from({ length: recipe.portCount }, (_, i) => 20_000 + i),
    switchFile: 'RUN/switch',
    seed: 0,
  };
  return { server: recipe.server(place), load: recipe.load(place, 'RUN/clients.jsonl') };
}

async function build(
  { recipe, buildFolder }: Workshop,
  hash: string,
  log: (line: string) => void,
): Promise<void> {
  const stamp = join(buildFolder, BUILT);
  const wanted = `${recipe.version} ${recipe.buildNotes} ${hash}\n`;
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  rmSync(buildFolder, { recursive: true, force: true });
  mkdirSync(buildFolder, { recursive: true });
  const began = performance.now();
  await recipe.build(buildFolder);
  writeFileSync(stamp, wanted);
  log(`${recipe.name}: built in ${Math.round((performance.now() - began) / 1000)} s`);
}

function madeList(
  { recipe, serverFolder }: Workshop,
  patches: MadeList['patches'],
): MadeList & { entries: Record<string, MadeEntry> } {
  return {
    schema: 'perfscope.corpus-made/1',
    server: recipe.name,
    system: recipe.system,
    version: recipe.version,
    buildNotes: recipe.buildNotes,
    patches,
    tools: recordedTools(),
    entries: { ...readMade(serverFolder)?.entries },
  };
}

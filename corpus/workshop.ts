import { join } from 'node:path';
import { readTraceFile } from '../trace/read-trace-file.ts';
import type { Trace } from '../trace/trace.ts';
import type { LoadCommand, ServerRecipe } from './recipe.ts';
import { openRun, type ServerRun } from './server-run.ts';

/** Folders of one server in the making, and what its recordings share. */
export interface Workshop {
  readonly recipe: ServerRecipe;
  readonly buildFolder: string;
  /** Where its cases go. */
  readonly serverFolder: string;
  open(label: string, seed: number, load: LoadCommand, ownDisk?: boolean): Promise<ServerRun>;
  /** Recording of the label's run, before it has become text. */
  dataFile(label: string): string;
  /** The profile of the production load, read once. */
  normalProfile(): Promise<Trace>;
}

export function openWorkshop(recipe: ServerRecipe, outFolder: string): Workshop {
  const serverFolder = join(outFolder, recipe.name);
  const buildFolder = join(outFolder, '.build', recipe.name);
  const runFolder = (label: string) => join(outFolder, '.runs', `${recipe.name}-${label}`);
  let profile: Promise<Trace> | undefined;
  return {
    recipe,
    buildFolder,
    serverFolder,
    open: (label, seed, load, ownDisk = false) =>
      openRun({ recipe, buildFolder, runFolder: runFolder(label), seed, load, ownDisk }),
    dataFile: (label) => join(outFolder, '.runs', `${recipe.name}-${label}.data`),
    normalProfile() {
      profile ??= readTraceFile(join(serverFolder, profileFile(productionProfile(recipe))), { stacks: true });
      return profile;
    },
  };
}

export const BASELINE_FILE = 'baseline.perf-script.zst';

export function profileFile(name: string): string {
  return `profile-${name}.perf-script.zst`;
}

/** Name of the profile under the production load. */
export function productionProfile({ profiles, production, name }: ServerRecipe): string {
  const found = Object.entries(profiles).find(
    ([, load]) => JSON.stringify(load) === JSON.stringify(production),
  );
  if (found === undefined) throw new Error(`${name}: no profile has the production load`);
  return found[0];
}

import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { CaseFile } from './case-file.ts';
import { writeJson } from './made.ts';
import type { ServerRecipe } from './recipe.ts';
import { recordBug } from './record-bug.ts';
import { recordBaseline, recordProfile } from './record-normal.ts';
import { recordWindow } from './record-window.ts';
import { BASELINE_FILE, profileFile, type Workshop } from './workshop.ts';

/** One thing to make: a profile, the baseline, or a case. */
export interface Part {
  /** Path below the server's folder, and its name in made.json and for --only. */
  readonly name: string;
  /** Profiles and the baseline come first: the others need them. */
  readonly stage: 'normal' | 'case';
  isWhole(): boolean;
  make(): Promise<Outcome>;
}

interface Outcome {
  readonly commands: readonly (readonly string[])[];
  /** One line for the log. */
  readonly about: string;
}

export const CASE_FOLDERS = { bug: 'bugs', blameless: 'blameless', healthy: 'healthy' } as const;

/** Everything that a server's recipe asks for, in the order of making. */
export function planParts(workshop: Workshop): Part[] {
  const { recipe, serverFolder } = workshop;
  const profiles = Object.entries(recipe.profiles).map(([name, load]): Part => {
    const file = profileFile(name);
    return {
      name: file.replace(/\..*/, ''),
      stage: 'normal',
      isWhole: () => existsSync(join(serverFolder, file)),
      make: async () => ({ ...(await recordProfile(workshop, name, load)), about: 'profile' }),
    };
  });
  const baseline: Part = {
    name: 'baseline',
    stage: 'normal',
    isWhole: () => existsSync(join(serverFolder, BASELINE_FILE)),
    make: async () => ({ ...(await recordBaseline(workshop)), about: 'baseline' }),
  };
  return [
    ...profiles,
    baseline,
    ...recipe.bugs.map((bug) =>
      casePart(workshop, 'bug', bug.id, (folder) => recordBug(workshop, bug, folder)),
    ),
    ...recipe.blameless.map((window) =>
      casePart(workshop, 'blameless', window.id, (folder) => recordWindow(workshop, window, folder)),
    ),
    ...recipe.healthy.map((window) =>
      casePart(workshop, 'healthy', window.id, (folder) => recordWindow(workshop, window, folder)),
    ),
  ];
}

/** A case is made in a folder aside that takes its name when it is whole. */
function casePart(
  { serverFolder, recipe }: Workshop,
  kind: keyof typeof CASE_FOLDERS,
  id: string,
  record: (folder: string) => Promise<{ file: CaseFile; commands: readonly (readonly string[])[] }>,
): Part {
  const name = `${CASE_FOLDERS[kind]}/${id}`;
  const folder = join(serverFolder, name);
  return {
    name,
    stage: 'case',
    isWhole: () => existsSync(join(folder, 'case.json')),
    async make() {
      const part = `${folder}.part`;
      rmSync(part, { recursive: true, force: true });
      mkdirSync(part, { recursive: true });
      const { file, commands } = await record(part);
      for (const shared of sharedFiles(recipe)) symlinkSync(join('..', '..', shared), join(part, shared));
      writeJson(join(part, 'case.json'), file);
      rmSync(folder, { recursive: true, force: true });
      renameSync(part, folder);
      return { commands, about: aboutCase(file) };
    },
  };
}

/** Files that stand once a server and are linked into each case, so that `perfscope eval` finds them there. */
function sharedFiles(recipe: ServerRecipe): string[] {
  return [...Object.keys(recipe.profiles).map(profileFile), BASELINE_FILE];
}

function aboutCase({ class: kind, noticedBy, bug }: CaseFile): string {
  if (bug === undefined) return kind === 'healthy' ? 'healthy' : `blameless, noticed by ${noticedBy}`;
  const { load, clients, quota } = bug;
  return [
    `noticed by ${noticedBy}`,
    `calls/s ${load.callsPerSecond.join(' -> ')}`,
    `cpu ${load.cpuShare.join(' -> ')}`,
    `failed ${clients.failedBefore.join('/')} -> ${clients.failedAfter.join('/')}`,
    `slower ${Object.keys(clients.slower).join(',') || '-'}`,
    `under primary ${bug.truthShareUnderPrimary} (normal ${bug.normalShareUnderPrimary})`,
    ...(quota === null ? [] : [`quota ${quota.share.toFixed(3)}`]),
  ].join('; ');
}

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command, ServerRecipe } from './recipe.ts';

/** What one case, profile or baseline was made from. */
export interface MadeEntry {
  readonly version: string;
  /** Of the recipe's patches together. */
  readonly patchHash: string;
  readonly server: Command;
  readonly load: Command;
  readonly recorders: readonly (readonly string[])[];
  readonly seconds: number;
}

/** made.json of a server: what was made from what. */
export interface MadeList {
  readonly schema: 'perfscope.corpus-made/1';
  readonly server: string;
  readonly system: string;
  readonly version: string;
  readonly buildNotes: string;
  readonly patches: readonly { readonly file: string; readonly sha256: string }[];
  readonly tools: Readonly<Record<string, string>>;
  readonly entries: Readonly<Record<string, MadeEntry>>;
}

const MADE_FILE = 'made.json';

export function patchHashes(recipe: ServerRecipe, recipeFolder: string): MadeList['patches'] {
  return recipe.patches.map((file) => ({
    file,
    sha256: createHash('sha256')
      .update(readFileSync(join(recipeFolder, file)))
      .digest('hex'),
  }));
}

/** One hash for all patches of a recipe. */
export function patchHash(patches: MadeList['patches']): string {
  return createHash('sha256')
    .update(patches.map(({ file, sha256 }) => `${file} ${sha256}\n`).join(''))
    .digest('hex');
}

export function readMade(serverFolder: string): MadeList | null {
  const file = join(serverFolder, MADE_FILE);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as MadeList) : null;
}

export function writeMade(serverFolder: string, list: MadeList): void {
  writeJson(join(serverFolder, MADE_FILE), list);
}

/** Whole or not at all. */
export function writeJson(file: string, value: unknown): void {
  writeFileSync(`${file}.part`, `${JSON.stringify(value, null, 1)}\n`);
  renameSync(`${file}.part`, file);
}

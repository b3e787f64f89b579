import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerRecipe } from './recipe.ts';

const SERVERS = join(import.meta.dirname, 'servers');

export function recipeFolder(name: string): string {
  return join(SERVERS, name);
}

/** Names of all servers with a recipe. */
export function serverNames(): string[] {
  return readdirSync(SERVERS)
    .filter((name) => existsSync(join(SERVERS, name, 'recipe.ts')))
    .sort();
}

export async function loadRecipe(name: string): Promise<ServerRecipe> {
  if (!serverNames().includes(name)) {
    throw new Error(`no server is called '${name}'; there are ${serverNames().join(', ')}`);
  }
  const module: { recipe: ServerRecipe } = await import(`./servers/${name}/recipe.ts`);
  return module.recipe;
}

import { existsSync } from 'node:fs';
import { patchHash, patchHashes, readMade } from './made.ts';
import { madeCases } from './made-cases.ts';
import { planParts } from './plan.ts';
import type { ServerRecipe } from './recipe.ts';
import { checkRecipe, missingFunctions } from './recipe-check.ts';
import { recipeFolder } from './servers.ts';
import { openWorkshop } from './workshop.ts';

/** What is wrong with a recipe and with what was made of it, as sentences. */
export async function checkServer(recipe: ServerRecipe, outFolder: string): Promise<string[]> {
  const { name, symbols } = recipe;
  const folder = recipeFolder(name);
  const workshop = openWorkshop(recipe, outFolder);
  const problems = checkRecipe(recipe, folder);
  if (symbols !== undefined && existsSync(workshop.buildFolder)) {
    problems.push(...missingFunctions(recipe, await symbols(workshop.buildFolder)));
  }
  const cases = madeCases(workshop.serverFolder);
  const planned = new Set(planParts(workshop).map((part) => part.name));
  for (const [part, file] of cases) {
    if (!planned.has(part)) problems.push(`${part} was made, but the recipe no longer asks for it`);
    const bug = recipe.bugs.find(({ id }) => file.class === 'bug' && part === `bugs/${id}`);
    if (bug?.primaryMakesCalls === true && !file.primaryMakesCalls) {
      problems.push(`${part}: no call of the stacked run is under ${bug.primary.join(', ')}`);
    }
  }
  const hash = patchHash(patchHashes(recipe, folder));
  const made = readMade(workshop.serverFolder);
  const older = Object.values(made?.entries ?? {}).filter((entry) => entry.patchHash !== hash).length;
  if (older > 0) problems.push(`${older} parts were made with other patches`);
  return problems.map((problem) => `${name}: ${problem}`);
}

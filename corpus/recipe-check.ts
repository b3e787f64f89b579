import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BUG_KINDS, type ServerRecipe } from './recipe.ts';
import { matchesName } from './truth.ts';
import { productionProfile } from './workshop.ts';

const NAME = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const VERDICTS = new Set(['hang', 'slowdown', 'spin', 'normal', 'outside', 'unknown']);

/** What is wrong with a recipe, as sentences; empty when all is well. */
export function checkRecipe(recipe: ServerRecipe, recipeFolder: string): string[] {
  const { bugs, blameless, healthy, profiles } = recipe;
  const windows = [...blameless, ...healthy];
  const ids = [...bugs, ...windows].map(({ id }) => id);
  return [
    ...[recipe.name, ...ids, ...Object.keys(profiles)]
      .filter((name) => !NAME.test(name))
      .map((name) => `'${name}' is no name: lower case, digits and single hyphens`),
    ...repeated(ids).map((id) => `the id '${id}' is given twice`),
    ...repeated(bugs.map(({ k }) => k)).map((k) => `two bugs have k = ${k}`),
    ...bugs
      .filter(({ k }) => !Number.isInteger(k) || k < 1)
      .map(({ id, k }) => `${id}: k = ${k} is no number from 1 up`),
    ...bugs
      .filter(({ kind }) => !BUG_KINDS.includes(kind))
      .map(({ id, kind }) => `${id}: '${kind}' is no kind of bug`),
    ...bugs.filter(({ primary }) => primary.length === 0).map(({ id }) => `${id}: names no primary function`),
    ...[...bugs, ...blameless].flatMap(({ id, kinds }) => [
      ...(kinds.length === 0 ? [`${id}: no verdict counts as right`] : []),
      ...kinds.filter((kind) => !VERDICTS.has(kind)).map((kind) => `${id}: '${kind}' is no verdict`),
    ]),
    ...windows.flatMap(({ id, seconds, steps }) =>
      steps
        .filter(({ at }) => at < 0 || at >= seconds)
        .map(({ at }) => `${id}: a step at ${at} s lies outside`),
    ),
    ...windows.flatMap(({ id, steps }) =>
      steps
        .flatMap(({ action }) => (action.do === 'own' ? [action.name] : []))
        .filter((name) => recipe.actions?.[name] === undefined)
        .map((name) => `${id}: there is no action '${name}'`),
    ),
    ...recipe.patches
      .filter((file) => !existsSync(join(recipeFolder, file)))
      .map((file) => `there is no patch ${file}`),
    ...missingProduction(recipe),
  ];
}

/** Primary and related functions that what was built does not have. */
export function missingFunctions({ bugs }: ServerRecipe, symbols: ReadonlySet<string>): string[] {
  const names = [...symbols];
  return bugs.flatMap(({ id, primary, related }) =>
    [...primary, ...related]
      .filter((truth) => !symbols.has(truth) && !names.some((name) => matchesName(name, truth)))
      .map((truth) => `${id}: the build has no function ${truth}`),
  );
}

function missingProduction(recipe: ServerRecipe): string[] {
  try {
    productionProfile(recipe);
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

function repeated<T>(values: readonly T[]): T[] {
  return [...new Set(values.filter((value, i) => values.indexOf(value) !== i))];
}

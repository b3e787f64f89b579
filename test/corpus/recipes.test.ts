import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BUG_KINDS, type Bug, type ServerRecipe } from '../../corpus/recipe.ts';
import { checkRecipe, missingFunctions } from '../../corpus/recipe-check.ts';
import { loadRecipe, recipeFolder, serverNames } from '../../corpus/servers.ts';

const names = serverNames();
const recipes = new Map(
  await Promise.all(names.map(async (name) => [name, await loadRecipe(name)] as const)),
);

describe.each(names)('the recipe of %s', (name) => {
  const recipe = recipes.get(name) as ServerRecipe;

  it('has nothing to find fault with', () => {
    expect(checkRecipe(recipe, recipeFolder(name))).toEqual([]);
    expect(recipe.name).toBe(name);
  });

  it('has a place in a patch for each bug, and a bug for each place', () => {
    const text = recipe.patches
      .map((file) => readFileSync(join(recipeFolder(name), file), 'utf8'))
      .join('\n');
    const added = text.split('\n').filter((line) => !line.startsWith('-'));
    const inPatches = new Set(
      added.flatMap((line) => [...line.matchAll(/\bBUG\((\d+)\)/g)].map(([, k]) => Number(k))),
    );
    if (inPatches.size === 0) return;
    expect([...inPatches].sort((a, b) => a - b)).toEqual(recipe.bugs.map(({ k }) => k).sort((a, b) => a - b));
  });

  const buildFolder = join('/var/tmp/perfscope-corpus/.build', name);
  const built = existsSync(join(buildFolder, '.built')) && recipe.symbols !== undefined;
  it.skipIf(!built)('names only functions that its build has', async () => {
    const symbols = await recipe.symbols?.(buildFolder);
    expect(missingFunctions(recipe, symbols as ReadonlySet<string>)).toEqual([]);
  });
});

describe('all recipes together', () => {
  it('spread their bugs over at least fourteen kinds', () => {
    const kinds = new Set([...recipes.values()].flatMap(({ bugs }) => bugs.map(({ kind }) => kind)));
    expect(kinds.size).toBeGreaterThanOrEqual(14);
    for (const kind of kinds) expect(BUG_KINDS).toContain(kind);
  });
});

describe('checkRecipe', () => {
  const [good] = recipes.values() as IterableIterator<ServerRecipe>;
  const sound = good as ServerRecipe;
  const folder = recipeFolder(sound.name);
  const bug = sound.bugs[0] as Bug;
  const faulty = (change: Partial<ServerRecipe>) => checkRecipe({ ...sound, ...change }, folder);

  it.each([
    ['two bugs with one number', { bugs: [bug, { ...bug, id: 'other' }] }, `two bugs have k = ${bug.k}`],
    ['an id given twice', { bugs: [bug, { ...bug, k: 99 }] }, `the id '${bug.id}' is given twice`],
    ['a number that means "original"', { bugs: [{ ...bug, k: 0 }] }, 'k = 0 is no number from 1 up'],
    [
      'a kind that nobody knows',
      { bugs: [{ ...bug, kind: 'odd' as Bug['kind'] }] },
      "'odd' is no kind of bug",
    ],
    ['a bug without a primary function', { bugs: [{ ...bug, primary: [] }] }, 'names no primary function'],
    ['a bug for which nothing is right', { bugs: [{ ...bug, kinds: [] }] }, 'no verdict counts as right'],
    [
      'a step after the end',
      {
        healthy: [
          { id: 'late', summary: '', seconds: 10, seed: 1, steps: [{ at: 10, action: { do: 'restart' } }] },
        ],
      },
      'a step at 10 s lies outside',
    ],
    [
      'an action that is not there',
      {
        healthy: [
          {
            id: 'own',
            summary: '',
            seconds: 10,
            seed: 1,
            steps: [{ at: 1, action: { do: 'own', name: 'x' } }],
          },
        ],
      },
      "there is no action 'x'",
    ],
    [
      'no profile of the production load',
      { production: { mix: 'none' } },
      'no profile has the production load',
    ],
    ['a patch that is not there', { patches: ['none.patch'] }, 'there is no patch none.patch'],
  ] as [string, Partial<ServerRecipe>, string][])('finds %s', (_, change, sentence) => {
    expect(faulty(change).join('\n')).toContain(sentence);
  });

  it('finds functions that the build does not have, and takes parts of longer names', () => {
    const missing = missingFunctions(
      { ...sound, bugs: [{ ...bug, primary: ['conn'], related: ['gone'] }] },
      new Set(['main.(*Server).conn']),
    );
    expect(missing).toEqual([`${bug.id}: the build has no function gone`]);
  });
});

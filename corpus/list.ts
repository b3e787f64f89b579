import { join } from 'node:path';
import { madeCases } from './made-cases.ts';
import type { ServerRecipe } from './recipe.ts';

/** One line: what the recipe asks for and what has been made. */
export function listServer(
  { name, language, bugs, blameless, healthy }: ServerRecipe,
  outFolder: string,
): string {
  const cases = [...madeCases(join(outFolder, name)).values()];
  const made = (kind: string) => cases.filter((file) => file.class === kind);
  const by = (who: string) => made('bug').filter((file) => file.noticedBy === who).length;
  const kinds = new Set(made('bug').flatMap((file) => (file.scored && file.bug ? [file.bug.kind] : [])));
  return [
    `${name} (${language})`,
    `${made('bug').length} of ${bugs.length} bugs: ${by('clients')} noticed by clients, ${by('operators')} by operators, ${by('nobody')} by nobody; ${kinds.size} kinds`,
    `${made('blameless').length} of ${blameless.length} without a culprit`,
    `${made('healthy').length} of ${healthy.length} healthy`,
  ].join('; ');
}

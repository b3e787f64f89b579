import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CaseFile } from './case-file.ts';
import { CASE_FOLDERS } from './plan.ts';

/** The whole cases of a server's folder, by their names below it. */
export function madeCases(serverFolder: string): Map<string, CaseFile> {
  const cases = new Map<string, CaseFile>();
  for (const kind of Object.values(CASE_FOLDERS)) {
    const folder = join(serverFolder, kind);
    if (!existsSync(folder)) continue;
    for (const id of readdirSync(folder).sort()) {
      const file = join(folder, id, 'case.json');
      if (!id.endsWith('.part') && existsSync(file)) {
        cases.set(`${kind}/${id}`, JSON.parse(readFileSync(file, 'utf8')) as CaseFile);
      }
    }
  }
  return cases;
}

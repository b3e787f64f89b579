import { readFileSync } from 'node:fs';

/** For what may not be there, or be gone already: entries of /proc come and go. */
export function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}

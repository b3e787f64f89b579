import { existsSync, readdirSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Directories } from '../armed.ts';

/** The strace recorder's files: text of bounded size, named by the time of day of their first line. */
export interface StraceFile {
  readonly path: string;
  readonly startMilliseconds: number;
}

/** A file is closed at this size, and the oldest ones go: the disk holds no more than the cap. */
export const FILE_BYTES = 8 * 1024 * 1024;

export function straceDirectory(directories: Directories, service: string): string {
  return join(directories.spool, service, 'strace');
}

export function newStraceFile(directory: string, nowMilliseconds: number): string {
  return join(directory, `${String(nowMilliseconds).padStart(14, '0')}.strace`);
}

/** Oldest first. */
export function straceFiles(directory: string): StraceFile[] {
  if (!existsSync(directory)) return [];
  return inOrder(readdirSync(directory)).map((name) => ({
    path: join(directory, name),
    startMilliseconds: startOf(name),
  }));
}

/**
 * Removes the oldest files above `mostBytes`, and those that ended before `oldestMilliseconds`. Asynchronous, as all
 * that the recorder does on the disk: a disk that hangs must not keep it from reading what strace prints.
 */
export async function forgetStraceFiles(
  directory: string,
  mostBytes: number,
  oldestMilliseconds: number,
): Promise<void> {
  let bytes = 0;
  const newestFirst = inOrder(await readdir(directory)).reverse();
  for (const [age, name] of newestFirst.entries()) {
    const path = join(directory, name);
    bytes += (await stat(path)).size;
    // A file ends where the next one starts.
    const next = newestFirst[age - 1];
    const isOld = next !== undefined && startOf(next) < oldestMilliseconds;
    if (age > 0 && (isOld || bytes > mostBytes)) await rm(path, { force: true });
  }
}

function inOrder(names: readonly string[]): string[] {
  return names.filter((name) => /^\d{14}\.strace$/.test(name)).sort();
}

function startOf(name: string): number {
  return Number(name.slice(0, 14));
}

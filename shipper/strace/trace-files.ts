import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Directories } from '../armed.ts';

/** The strace recorder's files: text of bounded size, named by the time of day of their first line. */
export interface StraceFile {
  readonly path: string;
  readonly startMilliseconds: number;
  readonly bytes: number;
}

/** A file is closed at this size, and the oldest ones go: the disk holds no more than the cap. */
export const FILE_BYTES = 8 * 1024 * 1024;

export function straceDirectory(directories: Directories, service: string): string {
  return join(directories.spool, service, 'strace');
}

export function newStraceFile(directory: string, nowMilliseconds: number): string {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return join(directory, `${String(nowMilliseconds).padStart(14, '0')}.strace`);
}

/** Oldest first. */
export function straceFiles(directory: string): StraceFile[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => /^\d{14}\.strace$/.test(name))
    .sort()
    .map((name) => {
      const path = join(directory, name);
      return { path, startMilliseconds: Number(name.slice(0, 14)), bytes: statSync(path).size };
    });
}

/** Removes the oldest files above `mostBytes`, and those that ended before `oldestMilliseconds`. */
export function forgetStraceFiles(directory: string, mostBytes: number, oldestMilliseconds: number): void {
  let bytes = 0;
  const files = straceFiles(directory).reverse();
  files.forEach((file, age) => {
    bytes += file.bytes;
    // A file ends where the next one starts.
    const next = files[age - 1];
    const isOld = next !== undefined && next.startMilliseconds < oldestMilliseconds;
    if (age > 0 && (isOld || bytes > mostBytes)) rmSync(file.path, { force: true });
  });
}

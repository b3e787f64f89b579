import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * A file system that takes nothing more. On a node in trouble that is to be expected: disks are full, and ext4
 * mounts itself read-only after an error (errors=remount-ro).
 */
const FULL = new Set(['ENOSPC', 'EDQUOT']);
const REFUSED = new Set(['EROFS', 'EIO', 'EACCES', 'EPERM']);

/** What is wrong with the file system that an error came from; null where it is another kind of error. */
export function whyUnwritable(error: unknown): string | null {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (FULL.has(code)) return 'the disk is full';
  return REFUSED.has(code) ? `the disk cannot be written (${code})` : null;
}

/** For what is good to have written down, but no reason to fail. False where the file system did not take it. */
export function tryToWrite(write: () => void): boolean {
  try {
    write();
    return true;
  } catch (error) {
    if (whyUnwritable(error) === null) throw error;
    return false;
  }
}

/** With its parents, for root alone. Not mkdir's `recursive`, which calls a read-only file system ENOENT. */
export function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    makeDirectory(dirname(path));
    makeDirectory(path);
  }
}

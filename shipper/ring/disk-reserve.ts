import { existsSync, type StatsFs, statfsSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * How much of a file system drained pages may take. It is not ours: the spool may share the disk of the service that
 * is in trouble, and a full /run breaks logins, units and DNS of the whole node.
 */

/** Of a disk this share stays free, but no more than that many bytes. */
const DISK_RESERVE_SHARE = 0.05;
const MOST_DISK_RESERVE_BYTES = 1024 ** 3;

/** File systems of memory, such as /run's, are small and everybody's: half stays free. */
const MEMORY_RESERVE_SHARE = 0.5;

/** TMPFS_MAGIC, RAMFS_MAGIC (include/uapi/linux/magic.h). */
const MEMORY_TYPES: ReadonlySet<number> = new Set([0x0102_1994, 0x8584_58f6]);

/** Bytes that may still be written there. Counts what root alone may use as taken. */
export function roomIn(directory: string): number {
  let existing = directory;
  while (!existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing);
  return roomOn(statfsSync(existing));
}

export function roomOn({
  type,
  bsize,
  blocks,
  bavail,
}: Pick<StatsFs, 'type' | 'bsize' | 'blocks' | 'bavail'>): number {
  const size = blocks * bsize;
  const reserve = MEMORY_TYPES.has(type)
    ? size * MEMORY_RESERVE_SHARE
    : Math.min(size * DISK_RESERVE_SHARE, MOST_DISK_RESERVE_BYTES);
  return Math.max(0, Math.floor(bavail * bsize - reserve));
}

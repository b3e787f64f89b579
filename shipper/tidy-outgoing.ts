import { rmSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Directories } from './armed.ts';
import { tryLock } from './lock.ts';
import { hasTrace, listOutgoing, type Outgoing, readProgress, readShipped } from './outgoing.ts';
import { tryToWrite } from './unwritable.ts';

/** How long it is known that an incident was shipped: as long as its alarm's action may be repeated. */
const REMEMBER_MILLISECONDS = 24 * 3600 * 1000;

/** What was begun and is not a trace after this time is left by a kill or a failure. */
const LEFT_MILLISECONDS = 3600 * 1000;

/** Removes what was shipped long ago, and what never became a trace. */
export async function tidyOutgoing(directories: Directories, nowMilliseconds: number): Promise<void> {
  for (const item of listOutgoing(directories)) {
    if (!isStale(item, nowMilliseconds)) continue;
    await unlessInUse(item, () => rmSync(item.directory, { recursive: true, force: true }));
  }
}

function isStale(item: Outgoing, nowMilliseconds: number): boolean {
  const shipped = look(join(item.directory, 'shipped.json'));
  if (shipped !== null) return nowMilliseconds - shipped.mtimeMs > REMEMBER_MILLISECONDS;
  const begun = look(item.directory);
  return begun !== null && !hasTrace(item) && nowMilliseconds - begun.mtimeMs > LEFT_MILLISECONDS;
}

/** Null where it is not there, any more: others tidy too. */
function look(path: string): Stats | null {
  return statSync(path, { throwIfNoEntry: false }) ?? null;
}

/**
 * Removes the oldest kept traces of a service above `mostBytes`, however long S3 cannot be reached: the disk is the
 * service's too. `but` stays whatever its size. Returns the incidents whose traces are gone.
 */
export async function forgetOldestTraces(
  directories: Directories,
  but: Outgoing,
  mostBytes: number,
): Promise<string[]> {
  const kept = listOutgoing(directories)
    .filter((item) => item.service === but.service && readShipped(item) === null)
    .flatMap((item) => sizeOf(item) ?? [])
    .sort((a, b) => b.writtenMilliseconds - a.writtenMilliseconds);
  const gone: string[] = [];
  let bytes = 0;
  for (const { item, size } of kept) {
    bytes += size;
    if (bytes <= mostBytes || item.incident === but.incident) continue;
    await unlessInUse(item, () => {
      rmSync(item.directory, { recursive: true, force: true });
      gone.push(item.incident);
    });
  }
  return gone;
}

function sizeOf(item: Outgoing) {
  const file = readProgress(item)?.file;
  const trace = file === undefined ? null : look(join(item.directory, file));
  return trace === null ? null : { item, size: trace.size, writtenMilliseconds: trace.mtimeMs };
}

/** Whoever holds an incident's lock is sending it. */
async function unlessInUse(item: Outgoing, remove: () => void): Promise<void> {
  const held = await tryLock(`incident/${item.service}/${item.incident}`);
  if (held === null) return;
  try {
    tryToWrite(remove);
  } finally {
    held.release();
  }
}

import { createWriteStream, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Compression } from './compress.ts';
import type { CutFile } from './cut.ts';
import { type Outgoing, type UploadProgress, unmarkShipped, writeProgress } from './outgoing.ts';
import { makeDirectory, tryToWrite, whyUnwritable } from './unwritable.ts';

/** Writes the compressed trace into the spool. Null where it is there, else why the disk did not take it. */
export async function keepTrace(
  item: Outgoing,
  cut: CutFile,
  packed: Compression,
  progress: UploadProgress,
): Promise<string | null> {
  const part = join(item.directory, `${progress.file}.part`);
  try {
    makeDirectory(item.directory);
    await pipeline(
      Readable.from(cut.chunks()),
      packed.stream(),
      createWriteStream(part, { mode: 0o600, flush: true }),
    );
    unmarkShipped(item);
    writeProgress(item, progress);
    // Only a whole trace carries the name that others look for.
    renameSync(part, join(item.directory, progress.file));
    return null;
  } catch (error) {
    tryToWrite(() => rmSync(part, { force: true }));
    const why = whyUnwritable(error);
    if (why === null) throw error;
    return why;
  }
}

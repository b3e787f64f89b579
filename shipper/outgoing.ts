import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import type { Directories } from './armed.ts';
import { makeDirectory, tryToWrite, whyUnwritable } from './unwritable.ts';

/**
 * Traces on their way to S3, one directory an incident: `trace.…` once it is whole, `upload.json` with how far its
 * upload has come, and `shipped.json` when it is there. Whoever finds a trace that is not shipped may go on with it.
 */
export interface Outgoing {
  readonly directory: string;
  readonly service: string;
  readonly incident: string;
}

const uploadSchema = z.object({
  bucket: z.string(),
  key: z.string(),
  contentType: z.string(),
  metadata: z.record(z.string(), z.string()),
  file: z.string(),
  /** Null before a multipart upload has begun. */
  uploadId: z.string().nullable(),
  parts: z.array(z.object({ number: z.int(), etag: z.string(), crc32: z.string().nullable() })),
});
export type UploadProgress = z.infer<typeof uploadSchema>;

const shippedSchema = z.object({ bucket: z.string(), key: z.string(), bytes: z.number() });
export type Shipped = z.infer<typeof shippedSchema>;

/** Where a trace of this incident would lie; nothing is made, since the disk may be full. */
export function outgoing(directories: Directories, service: string, incident: string): Outgoing {
  return { directory: join(directories.spool, service, 'outgoing', incident), service, incident };
}

export function listOutgoing(directories: Directories): Outgoing[] {
  return subdirectories(directories.spool).flatMap((service) =>
    subdirectories(join(directories.spool, service, 'outgoing')).map((incident) =>
      outgoing(directories, service, incident),
    ),
  );
}

/** Whether a whole trace waits here. */
export function hasTrace(item: Outgoing): boolean {
  const progress = readProgress(item);
  return progress !== null && existsSync(join(item.directory, progress.file));
}

export function readProgress(item: Outgoing): UploadProgress | null {
  return readJson(join(item.directory, 'upload.json'), uploadSchema);
}

export function writeProgress(item: Outgoing, progress: UploadProgress): void {
  writeJson(join(item.directory, 'upload.json'), progress);
}

export function readShipped(item: Outgoing): Shipped | null {
  return readJson(join(item.directory, 'shipped.json'), shippedSchema);
}

/**
 * The trace is in S3: the local copy goes, the fact stays for a day. False where the disk does not take the fact;
 * where it is full, the trace makes room for it.
 */
export function markShipped(item: Outgoing, shipped: Shipped, file: string | null): boolean {
  const mark = () => {
    makeDirectory(item.directory);
    writeJson(join(item.directory, 'shipped.json'), shipped);
  };
  const remove = (name: string) => tryToWrite(() => rmSync(join(item.directory, name), { force: true }));
  const isMarked = tryToWrite(mark);
  if (file !== null) remove(file);
  remove('upload.json');
  return isMarked || tryToWrite(mark);
}

/** Whoever ships an incident anew takes back that it was shipped. */
export function unmarkShipped(item: Outgoing): void {
  rmSync(join(item.directory, 'shipped.json'), { force: true });
}

function subdirectories(path: string): string[] {
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

function readJson<T>(path: string, schema: z.ZodType<T>): T | null {
  try {
    const parsed = schema.safeParse(JSON.parse(readFileSync(path, 'utf8')));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

function writeJson(path: string, value: unknown): void {
  const part = `${path}.part`;
  try {
    writeFileSync(part, JSON.stringify(value), { mode: 0o600 });
    renameSync(part, path);
  } catch (error) {
    if (whyUnwritable(error) !== null) tryToWrite(() => rmSync(part, { force: true }));
    throw error;
  }
}

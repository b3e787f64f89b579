import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import type { Directories } from './armed.ts';

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

/** How long it is known that an incident was shipped: as long as its alarm's action may be repeated. */
const REMEMBER_MILLISECONDS = 24 * 3600 * 1000;

export function outgoing(directories: Directories, service: string, incident: string): Outgoing {
  const directory = join(directories.spool, service, 'outgoing', incident);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return { directory, service, incident };
}

export function listOutgoing(directories: Directories): Outgoing[] {
  return subdirectories(directories.spool).flatMap((service) =>
    subdirectories(join(directories.spool, service, 'outgoing')).map((incident) => ({
      directory: join(directories.spool, service, 'outgoing', incident),
      service,
      incident,
    })),
  );
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

/** The trace is in S3: the local copy goes, the fact stays for a day. */
export function markShipped(item: Outgoing, shipped: Shipped, file: string | null): void {
  writeJson(join(item.directory, 'shipped.json'), shipped);
  if (file !== null) rmSync(join(item.directory, file), { force: true });
  rmSync(join(item.directory, 'upload.json'), { force: true });
}

export function forgetShipped(directories: Directories, nowMilliseconds: number): void {
  for (const item of listOutgoing(directories)) {
    const marker = join(item.directory, 'shipped.json');
    if (existsSync(marker) && nowMilliseconds - statSync(marker).mtimeMs > REMEMBER_MILLISECONDS) {
      rmSync(item.directory, { recursive: true, force: true });
    }
  }
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
  writeFileSync(`${path}.part`, JSON.stringify(value), { mode: 0o600 });
  renameSync(`${path}.part`, path);
}

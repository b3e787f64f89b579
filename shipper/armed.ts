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
import { recordedThreadSchema } from '../trace/recording.ts';
import { ShipperError } from './errors.ts';
import { targetSchema } from './target.ts';

/**
 * What was armed on this node, one file a service: `ship` and `disarm` read what `record` wrote. It lies where a
 * reboot clears it, as it clears the kernel's ring.
 */
const armedSchema = z.object({
  schema: z.literal('perfscope.armed/1'),
  service: z.string(),
  build: z.string().nullable(),
  node: z.string(),
  bucket: z.string().nullable(),
  recorder: z.enum(['tracefs', 'strace']),
  target: targetSchema,
  armedAtSeconds: z.number(),
  depthSeconds: z.number(),
  capBytes: z.number(),
  /** Time of day minus monotonic time, as seen since arming, oldest first. */
  clockOffsets: z.array(z.number()),
  /** Threads known at some time since arming: those that ended have no entry in /proc any more. */
  threads: z.array(recordedThreadSchema),
});
export type Armed = z.infer<typeof armedSchema>;

/** Where state and traces lie on the node. */
export interface Directories {
  /** Cleared by a reboot. */
  readonly state: string;
  /** Survives a reboot: drained pages, and traces that are not yet in S3. */
  readonly spool: string;
}

export const DEFAULT_DIRECTORIES: Directories = {
  state: '/run/perfscope',
  spool: '/var/lib/perfscope',
};

/** Threads that ended and are still described: a storm of short-lived threads must not fill the node's memory. */
const MOST_FORMER_THREADS = 20_000;

function armedFile(directories: Directories, service: string): string {
  return join(directories.state, `${service}.json`);
}

export function writeArmed(directories: Directories, armed: Armed): void {
  mkdirSync(directories.state, { recursive: true, mode: 0o700 });
  const file = armedFile(directories, armed.service);
  // Renamed into place: whoever reads it meanwhile sees the one or the other.
  writeFileSync(`${file}.${process.pid}`, JSON.stringify(armed), { mode: 0o600 });
  renameSync(`${file}.${process.pid}`, file);
}

/** Null where nothing is armed under that name, or where its note is damaged (`hasNote`). */
export function readArmed(directories: Directories, service: string): Armed | null {
  const file = armedFile(directories, service);
  const text = readIfThere(() => readFileSync(file, 'utf8'), file);
  if (text === null) return null;
  try {
    const parsed = armedSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : null;
  } catch {
    return null; // cut short, or not ours
  }
}

/** Whether there is a note of that service, whatever it holds. */
export function hasNote(directories: Directories, service: string): boolean {
  return existsSync(armedFile(directories, service));
}

/** Reads the note again only when it was written anew: it may describe 20,000 threads, and is looked at each second. */
export function armedReader(directories: Directories, service: string): () => Armed | null {
  let stamp = '';
  let armed: Armed | null = null;
  return () => {
    const found = statSync(armedFile(directories, service), { throwIfNoEntry: false });
    const now = found === undefined ? '' : `${found.ino} ${found.mtimeMs} ${found.size}`;
    if (now !== stamp) armed = readArmed(directories, service);
    stamp = now;
    return armed;
  };
}

/** Null where it is not there; that it may not be read must not pass for that. */
function readIfThere<T>(read: () => T, path: string): T | null {
  try {
    return read();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    const remedy = code === 'EACCES' || code === 'EPERM' ? 'run as root' : 'see what lies there (--state)';
    throw new ShipperError(
      `expected to read ${path}, where it is noted what is armed: ${message}; ${remedy}`,
      { cause: error },
    );
  }
}

export function forgetArmed(directories: Directories, service: string): void {
  rmSync(armedFile(directories, service), { force: true });
}

export function listArmed(directories: Directories): string[] {
  const names = readIfThere(() => readdirSync(directories.state), directories.state) ?? [];
  return names
    .map((name) => /^(.+)\.json$/.exec(name)?.[1])
    .filter((name) => name !== undefined)
    .sort();
}

/** The armed service that is meant: the named one, or the only one. */
export function requireArmed(directories: Directories, service: string | undefined): Armed {
  const services = listArmed(directories);
  const name = service ?? (services.length === 1 ? services[0] : undefined);
  const armed = name === undefined ? null : readArmed(directories, name);
  if (armed !== null) return armed;
  if (name !== undefined && services.includes(name)) {
    throw new ShipperError(
      `expected ${armedFile(directories, name)} to say how ${name} is recorded, but it is damaged or of another version: «perfscope disarm --service ${name}», and record again`,
    );
  }
  const found = services.length === 0 ? 'nothing is armed' : `armed are ${services.join(', ')}`;
  throw new ShipperError(
    `expected an armed service${service === undefined ? '' : ` ${service}`}, but ${found}: arm it by «perfscope record --service NAME …», or name it by --service`,
  );
}

/** Knows the threads of `now` and, as far as there is room, those from before. */
export function withThreads(armed: Armed, now: Armed['threads']): Armed {
  const current = new Set(now.map((thread) => thread.tid));
  const former = armed.threads.filter((thread) => !current.has(thread.tid)).slice(-MOST_FORMER_THREADS);
  return { ...armed, threads: [...former, ...now] };
}

/** Knows the clock's present offset; one that only slewed replaces the last. */
export function withOffset(armed: Armed, offset: number, stepSeconds: number): Armed {
  const last = armed.clockOffsets.at(-1);
  const kept =
    last !== undefined && Math.abs(last - offset) <= stepSeconds
      ? armed.clockOffsets.slice(0, -1)
      : armed.clockOffsets;
  return { ...armed, clockOffsets: [...kept, offset] };
}

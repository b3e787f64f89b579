import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ShipperError } from './errors.ts';

/**
 * One shipper at a time: a lock is flock(2) on a file that only its owner can open. The kernel lets go of it in the
 * moment its holder dies, however it dies; and it holds between versions of Node.js, and between containers that
 * share the directory. Node.js has no call for it: the program flock(1) locks the open file that it inherits, and
 * what it locked stays locked when it has ended, for as long as this process has the file open.
 *
 * The directory is the same whatever --state says: the kernel's rings are the machine's.
 */
export interface Lock {
  release(): void;
}

export interface Waiting {
  /** Is told whom the wait is for, when it is not over at once. */
  readonly report?: (line: string) => void;
  /** After this, waiting is given up (default: never). */
  readonly patienceSeconds?: number;
}

const ROOT_DIRECTORY = '/run/perfscope/locks';

const RETRY_MILLISECONDS = 200;
/** Who waits longer is told for whom. */
const SILENT_MILLISECONDS = 1_000;

/** Null where another process holds it. */
export async function tryLock(name: string): Promise<Lock | null> {
  const path = lockPath(name);
  for (;;) {
    const file = openSync(path, 'a+', 0o600);
    let isOurs = false;
    try {
      if (!(await flock(file))) return null;
      // Whoever held it before removed the file: those who opened it until then would lock what nobody else finds.
      isOurs = isStill(file, path);
      if (isOurs) return held(file, path, name);
    } finally {
      if (!isOurs) closeSync(file);
    }
  }
}

/** Waits for whoever holds it. */
export async function lock(name: string, waiting: Waiting = {}): Promise<Lock> {
  const started = performance.now();
  let told = false;
  for (;;) {
    const held = await tryLock(name);
    if (held !== null) return held;
    const waited = performance.now() - started;
    const holder = `process ${lockHolder(name) ?? 'of perfscope'}, which works on ${name}`;
    if (waited > (waiting.patienceSeconds ?? Number.POSITIVE_INFINITY) * 1000) {
      throw new ShipperError(
        `waited ${(waited / 1000).toFixed(0)} s for ${holder}: see what holds it up («ps -fp PID»), or end it, and try again`,
      );
    }
    if (!told && waited > SILENT_MILLISECONDS) {
      waiting.report?.(`waiting for ${holder}`);
      told = true;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MILLISECONDS));
  }
}

/** The process that holds a lock, by its id in its own PID namespace; null where none wrote itself down. */
export function lockHolder(name: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(lockPath(name), 'utf8'), 10);
    return Number.isNaN(pid) ? null : pid;
  } catch {
    return null;
  }
}

function held(file: number, path: string, name: string): Lock {
  try {
    ftruncateSync(file);
    writeSync(file, `${process.pid} ${name}\n`);
  } catch {
    // Only for whoever asks who holds it; a full disk keeps nobody from locking.
  }
  let released = false;
  return {
    release() {
      if (released) return;
      released = true;
      // Removed while it is still held: whoever waits on it finds it gone, and begins anew.
      rmSync(path, { force: true });
      closeSync(file);
    },
  };
}

/** A digest, since a service's and an incident's name together are longer than the name of a file may be. */
function lockPath(name: string): string {
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 32);
  return join(lockDirectory(), digest);
}

function lockDirectory(): string {
  const uid = process.getuid?.() ?? 0;
  const directory = uid === 0 ? ROOT_DIRECTORY : join(tmpdir(), `perfscope-locks-${uid}`);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new ShipperError(
      `expected to write ${directory}, where locks lie: ${(error as Error).message}; in a container, mount a writable directory at ${directory}`,
      { cause: error },
    );
  }
  const found = lstatSync(directory);
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o077) !== 0) {
    throw new ShipperError(
      `expected ${directory}, where locks lie, to be a directory that only user ${uid} can open, but others can: remove it`,
    );
  }
  return directory;
}

function isStill(file: number, path: string): boolean {
  const there = statSync(path, { throwIfNoEntry: false });
  const opened = fstatSync(file);
  return there !== undefined && there.ino === opened.ino && there.dev === opened.dev;
}

/** Where flock(1) finds the file that it is to lock. */
const INHERITED = 3;

/** False where the file is locked by another. */
function flock(file: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn('flock', ['-x', '-n', String(INHERITED)], {
      stdio: ['ignore', 'ignore', 'pipe', file],
    });
    let complaint = '';
    child.stderr?.on('data', (bytes: Buffer) => {
      complaint += bytes;
    });
    child.once('error', (error) =>
      reject(
        new ShipperError(
          `could not run flock, which keeps two shippers apart: ${error.message}; install it (package util-linux)`,
          { cause: error },
        ),
      ),
    );
    child.once('close', (code) => {
      if (code === 0) resolve(true);
      else if (code === 1) resolve(false);
      else reject(new ShipperError(`flock ended with ${code}: ${complaint.trim()}`));
    });
  });
}

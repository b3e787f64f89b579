import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FIRST_PORT = 20_000;
/** Below the ports that Linux gives to outgoing connections (ip_local_port_range, from 32768). */
const LAST_PORT = 32_000;
const BLOCK = 24;

export interface PortBlock {
  readonly ports: readonly number[];
  release(): void;
}

/** Free consecutive ports that no other corpus maker on this machine has taken. */
export async function takePorts(count: number): Promise<PortBlock> {
  if (count > BLOCK) throw new RangeError(`a run takes at most ${BLOCK} ports; ${count} were asked for`);
  const locks = join(tmpdir(), 'perfscope-corpus-ports');
  mkdirSync(locks, { recursive: true });
  for (let first = FIRST_PORT; first + BLOCK <= LAST_PORT; first += BLOCK) {
    const lock = join(locks, String(first));
    if (!lockFile(lock)) continue;
    const ports = Array.from({ length: count }, (_, i) => first + i);
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) {
      return { ports, release: () => rmSync(lock, { force: true }) };
    }
    rmSync(lock, { force: true });
  }
  throw new Error(`no ${count} free ports in a row between ${FIRST_PORT} and ${LAST_PORT}`);
}

/** Takes a lock file for this process; one whose process is gone counts as free. */
export function lockFile(path: string): boolean {
  for (let tries = 0; tries < 2; tries++) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (isAlive(holderOf(path))) return false;
    rmSync(path, { force: true });
  }
  return false;
}

function holderOf(path: string): number {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch {
    return 0;
  }
}

function isAlive(pid: number): boolean {
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/**
 * One shipper at a time per service: whoever listens on the abstract socket of the service's name holds the lock.
 * The kernel lets go of it in the moment its holder dies, however it dies, and no file is left behind
 * (unix(7), abstract socket addresses).
 */
export interface Lock {
  release(): void;
}

const RETRY_MILLISECONDS = 100;

/**
 * A digest, because an address has at most 107 bytes (unix(7), sun_path), of which Node.js 20 cuts off the rest and
 * Node.js 24 refuses more, and an incident's name alone may be longer.
 */
function address(name: string): string {
  return `\0perfscope/${createHash('sha256').update(name).digest('hex')}`;
}

/** Null where another process holds it. */
export function tryLock(name: string): Promise<Lock | null> {
  const server: Server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(null);
      else reject(error);
    });
    server.listen({ path: address(name) }, () => {
      server.unref();
      resolve({ release: () => server.close() });
    });
  });
}

/** Waits for whoever holds it. */
export async function lock(name: string): Promise<Lock> {
  for (;;) {
    const held = await tryLock(name);
    if (held !== null) return held;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MILLISECONDS));
  }
}

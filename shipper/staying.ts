import { ShipperError } from './errors.ts';
import { type Lock, lock, lockHolder, tryLock } from './lock.ts';
import { isPerfscope } from './own-process.ts';

/**
 * At most one process stays while a service is recorded, the strace recorder or the watch: two would undo each
 * other's work. It holds a lock as long as it lives.
 */
export async function stay(service: string): Promise<Lock> {
  const held = await tryLock(lockName(service));
  if (held !== null) return held;
  throw new ShipperError(
    `${service} is already recorded or watched by process ${stayingProcess(service)}: end that one first («perfscope disarm --service ${service}», or «systemctl stop» of its unit)`,
  );
}

/** How long a process that was asked to end may take: to remove a ring that is being read takes some seconds. */
const PATIENCE_SECONDS = 20;

/**
 * Asks the process that stays, if there is one, to end, and waits until it has. The lock that is returned keeps
 * another from taking its place.
 */
export async function endStaying(service: string, report: (line: string) => void): Promise<Lock> {
  const free = await tryLock(lockName(service));
  if (free !== null) return free;
  const pid = stayingProcess(service);
  // Its id may be that of another PID namespace, and here of somebody else.
  if (!isPerfscope(pid)) {
    throw new ShipperError(
      `${service} is recorded by process ${pid} of another container (this one has no perfscope under that id): end it there first`,
    );
  }
  process.kill(pid, 'SIGTERM');
  const held = await lock(lockName(service), { patienceSeconds: PATIENCE_SECONDS });
  report(`ended process ${pid}, which recorded or watched ${service}`);
  return held;
}

function lockName(service: string): string {
  return `recorder/${service}`;
}

function stayingProcess(service: string): number {
  return lockHolder(lockName(service)) ?? 0;
}

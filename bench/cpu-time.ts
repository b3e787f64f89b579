import { spawnSync } from 'node:child_process';

/** CPU seconds (user + system) of this process while `work` runs, worker threads of zlib and files included. */
export async function ownCpuSeconds(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/**
 * CPU seconds (user + system) of a command and its children, its output thrown away. The shell's `time` tells
 * them to the millisecond; Node has no way to ask for a child's usage.
 */
export function commandCpuSeconds(command: string, args: readonly string[]): number {
  const timed = spawnSync(
    'bash',
    ['-c', 'TIMEFORMAT="%U %S"; time "$@" >/dev/null 2>&1', 'bash', command, ...args],
    { encoding: 'utf8' },
  );
  if (timed.status !== 0) throw new Error(`${command} ${args.join(' ')}: exit code ${timed.status}`);
  const [user, system] = timed.stderr.trim().split(' ').map(Number);
  const seconds = (user ?? Number.NaN) + (system ?? Number.NaN);
  if (!Number.isFinite(seconds))
    throw new Error(`${command}: no CPU time in ${JSON.stringify(timed.stderr)}`);
  return seconds;
}

/** Whether a command can be started. */
export function hasCommand(command: string): boolean {
  return spawnSync('bash', ['-c', 'command -v "$1" >/dev/null', 'bash', command]).status === 0;
}

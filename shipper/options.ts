import type { Directories } from './armed.ts';
import { DEFAULT_DIRECTORIES } from './armed.ts';
import { UsageError } from './errors.ts';
import { FEWEST_KILOBYTES } from './ring-size.ts';
import type { Target } from './target.ts';

/** What the command line gives, as text, turned into what the shipper takes. */

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 };

/** `256M`, `1G`. */
function parseBytes(text: string): number {
  const match = /^(\d+)([KMG]?)$/.exec(text);
  const bytes = match === null ? 0 : Number(match[1]) * (UNITS[match[2] ?? ''] ?? 1);
  if (bytes === 0) throw new UsageError(`expected a size such as 256M or 1G, found ${JSON.stringify(text)}`);
  return bytes;
}

/** The most memory for a ring of so many CPUs. */
export function parseMemory(text: string, cpus: number): number {
  const bytes = parseBytes(text);
  if (bytes >= FEWEST_KILOBYTES * 1024 * cpus) return bytes;
  throw new UsageError(
    `expected at least ${FEWEST_KILOBYTES * cpus}K for --memory, ${FEWEST_KILOBYTES}K for each of ${cpus} CPUs, found ${JSON.stringify(text)}`,
  );
}

export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() === '' || !Number.isFinite(seconds) || seconds < 0) {
    throw new UsageError(`expected a number of seconds, found ${JSON.stringify(text)}`);
  }
  return seconds;
}

export interface TargetOptions {
  readonly unit?: string;
  readonly cgroup?: string;
  readonly pid?: readonly string[];
  readonly comm?: string;
}

export function parseTarget(options: TargetOptions): Target {
  const given: Target[] = [];
  if (options.unit !== undefined) given.push({ kind: 'unit', unit: named('--unit', options.unit) });
  if (options.cgroup !== undefined) given.push({ kind: 'cgroup', path: named('--cgroup', options.cgroup) });
  if (options.comm !== undefined) given.push({ kind: 'comm', comm: named('--comm', options.comm) });
  if (options.pid !== undefined) given.push({ kind: 'pid', pids: options.pid.map(parsePid) });
  const [target] = given;
  if (target === undefined || given.length > 1) {
    throw new UsageError(
      `expected one of --unit, --cgroup, --pid and --comm to say whose calls to record, found ${given.length === 0 ? 'none' : given.map(({ kind }) => `--${kind}`).join(' and ')}`,
    );
  }
  return target;
}

/** An empty name, of a variable that is not set, would mean the whole machine. */
function named(option: string, name: string): string {
  if (name.trim() !== '') return name;
  throw new UsageError(`expected a name for ${option}, found none: is the variable that it comes from set?`);
}

function parsePid(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new UsageError(`expected a process id for --pid, found ${JSON.stringify(text)}`);
}

export function parseDirectories(options: { readonly spool?: string; readonly state?: string }): Directories {
  return {
    state: options.state ?? DEFAULT_DIRECTORIES.state,
    spool: options.spool ?? DEFAULT_DIRECTORIES.spool,
  };
}

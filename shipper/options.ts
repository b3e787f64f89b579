import type { Directories } from './armed.ts';
import { DEFAULT_DIRECTORIES } from './armed.ts';
import { ShipperError } from './errors.ts';
import type { Target } from './target.ts';

/** What the command line gives, as text, turned into what the shipper takes. */

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 };

/** `256M`, `1G`. */
export function parseBytes(text: string): number {
  const match = /^(\d+)([KMG]?)$/.exec(text);
  const bytes = match === null ? 0 : Number(match[1]) * (UNITS[match[2] ?? ''] ?? 1);
  if (bytes === 0)
    throw new ShipperError(`expected a size such as 256M or 1G, found ${JSON.stringify(text)}`);
  return bytes;
}

export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() === '' || !Number.isFinite(seconds) || seconds < 0) {
    throw new ShipperError(`expected a number of seconds, found ${JSON.stringify(text)}`);
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
  if (options.unit !== undefined) given.push({ kind: 'unit', unit: options.unit });
  if (options.cgroup !== undefined) given.push({ kind: 'cgroup', path: options.cgroup });
  if (options.comm !== undefined) given.push({ kind: 'comm', comm: options.comm });
  if (options.pid !== undefined) given.push({ kind: 'pid', pids: options.pid.map(parsePid) });
  const [target] = given;
  if (target === undefined || given.length > 1) {
    throw new ShipperError(
      `expected one of --unit, --cgroup, --pid and --comm to say whose calls to record, found ${given.length === 0 ? 'none' : given.map(({ kind }) => `--${kind}`).join(' and ')}`,
    );
  }
  return target;
}

function parsePid(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new ShipperError(`expected a process id for --pid, found ${JSON.stringify(text)}`);
}

export function parseDirectories(options: { readonly spool?: string; readonly state?: string }): Directories {
  return {
    state: options.state ?? DEFAULT_DIRECTORIES.state,
    spool: options.spool ?? DEFAULT_DIRECTORIES.spool,
  };
}

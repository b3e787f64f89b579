import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ShipperError } from '../errors.ts';

/**
 * The kernel's tracing file system (Documentation/trace/ftrace.rst): each instance has a ring and knobs of its own,
 * and goes with everything in it when its directory is removed.
 */

/** Where it is mounted: its own mount point since Linux 4.1, below debugfs before. */
const MOUNT_POINTS = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];

export function findTracefs(): string | null {
  return MOUNT_POINTS.find((path) => existsSync(join(path, 'instances'))) ?? null;
}

export function requireTracefs(): string {
  const root = findTracefs();
  if (root === null) {
    throw new ShipperError(
      'expected tracefs at /sys/kernel/tracing, found none: run «mount -t tracefs nodev /sys/kernel/tracing» as root, or record with strace (--recorder strace)',
    );
  }
  return root;
}

/** Instances of this program carry this prefix, so that `disarm` finds what a crash left. */
const INSTANCE_PREFIX = 'perfscope-';

export function instanceName(service: string): string {
  return INSTANCE_PREFIX + service;
}

export function instancePath(root: string, service: string): string {
  return join(root, 'instances', instanceName(service));
}

/** Services that have an instance, whoever made it. */
export function listInstances(root: string): string[] {
  return readdirSync(join(root, 'instances'))
    .filter((name) => name.startsWith(INSTANCE_PREFIX))
    .map((name) => name.slice(INSTANCE_PREFIX.length))
    .sort();
}

export function readKnob(directory: string, knob: string): string {
  return readFileSync(join(directory, knob), 'utf8').trim();
}

export function writeKnob(directory: string, knob: string, value: string | number): void {
  try {
    writeFileSync(join(directory, knob), `${value}\n`);
  } catch (error) {
    throw new ShipperError(
      `could not write ${JSON.stringify(String(value))} to ${join(directory, knob)}: ${(error as Error).message}; run «perfscope check» for what this node allows`,
      { cause: error },
    );
  }
}

/** Adds to a list such as set_event_pid; opening it for writing anew would empty it. */
export function appendKnob(directory: string, knob: string, value: string | number): void {
  writeFileSync(join(directory, knob), `${value}\n`, { flag: 'a' });
}

/** CPUs that have a ring in this instance, ascending. */
export function ringCpus(directory: string): number[] {
  return readdirSync(join(directory, 'per_cpu'))
    .map((name) => /^cpu(\d+)$/.exec(name)?.[1])
    .filter((cpu) => cpu !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}

import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ShipperError } from '../errors.ts';
import { inInitialPidNamespace, PID_NAMESPACE_REMEDY } from '../pid-namespace.ts';

/**
 * The kernel's tracing file system (Documentation/trace/ftrace.rst): each instance has a ring and knobs of its own,
 * and goes with everything in it when its directory is removed.
 */

/** Where it is mounted: its own mount point since Linux 4.1, below debugfs before. */
const MOUNT_POINTS = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];

export type Tracefs =
  | { readonly kind: 'found'; readonly root: string }
  | { readonly kind: 'forbidden'; readonly root: string }
  | { readonly kind: 'missing' };

export function lookForTracefs(): Tracefs {
  for (const root of MOUNT_POINTS) {
    try {
      statSync(join(root, 'instances'));
      return { kind: 'found', root };
    } catch (error) {
      // To others than root it looks like an empty directory, or like one that may not be entered.
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EACCES' || code === 'EPERM') return { kind: 'forbidden', root };
    }
  }
  return { kind: 'missing' };
}

/** Null where it is not mounted, or may not be used. */
export function findTracefs(): string | null {
  const tracefs = lookForTracefs();
  return tracefs.kind === 'found' ? tracefs.root : null;
}

/** Where it is usable, and process ids mean to the kernel what they mean here. */
export function requireTracefs(): string {
  const tracefs = lookForTracefs();
  if (tracefs.kind === 'missing') {
    throw new ShipperError(
      'expected tracefs at /sys/kernel/tracing, found none: run «mount -t tracefs nodev /sys/kernel/tracing» as root, or record with strace (--recorder strace)',
    );
  }
  if (tracefs.kind === 'forbidden') {
    throw new ShipperError(
      `expected to look into ${tracefs.root}, but this user may not: run as root (it takes CAP_SYS_ADMIN and CAP_DAC_OVERRIDE)`,
    );
  }
  if (!inInitialPidNamespace()) {
    throw new ShipperError(
      `expected the node’s own PID namespace, found another, whose ids mean strangers to tracefs: ${PID_NAMESPACE_REMEDY}`,
    );
  }
  return tracefs.root;
}

/** Instances of this program carry this prefix, so that `disarm` finds what a crash left. */
const INSTANCE_PREFIX = 'perfscope-';

function instanceName(service: string): string {
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

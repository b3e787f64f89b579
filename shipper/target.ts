import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as z from 'zod';
import type { RecordedThread } from '../trace/recording.ts';
import { ShipperError } from './errors.ts';
import { isPerfscope } from './own-process.ts';
import { readOr } from './read-or.ts';

/** Whose system calls are recorded. */
export const targetSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('unit'), unit: z.string() }),
  z.object({ kind: z.literal('cgroup'), path: z.string() }),
  z.object({ kind: z.literal('pid'), pids: z.array(z.int()) }),
  z.object({ kind: z.literal('comm'), comm: z.string() }),
]);
export type Target = z.infer<typeof targetSchema>;

/** Where control groups are mounted: version 2, version 2 beside version 1, systemd's hierarchy of version 1. */
const CGROUP_MOUNTS = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified', '/sys/fs/cgroup/systemd'];

/** USER_HZ: clock ticks in /proc, 100 on every architecture in use (proc_pid_stat(5)). */
const TICKS_PER_SECOND = 100;

export function describeTarget(target: Target): string {
  switch (target.kind) {
    case 'unit':
      return `unit ${target.unit}`;
    case 'cgroup':
      return `control group ${target.path}`;
    case 'pid':
      return `process ${target.pids.join(', ')}`;
    case 'comm':
      return `command ${target.comm}`;
  }
}

/** What to do where none of its processes is found. */
export function targetHint(target: Target): string {
  return target.kind === 'comm'
    ? 'its name is what the kernel says in /proc/PID/comm, of Node.js 24 MainThread'
    : 'is it spelled right, and does it run?';
}

/**
 * Process ids of the target as it is now, none of perfscope's own among them.
 *
 * @param known were looked at before, and are not looked at again
 */
export function targetProcesses(target: Target, known: ReadonlySet<number> = NONE): number[] {
  return pidsOf(target, known).filter((pid) => known.has(pid) || !isPerfscope(pid));
}

const NONE: ReadonlySet<number> = new Set();

/** The same, but a unit or control group that is not there (yet, or any more) is one without processes. */
export function runningProcesses(target: Target, known: ReadonlySet<number> = NONE): number[] {
  try {
    return targetProcesses(target, known);
  } catch (error) {
    if (error instanceof ShipperError) return [];
    throw error;
  }
}

function pidsOf(target: Target, known: ReadonlySet<number>): number[] {
  switch (target.kind) {
    case 'pid':
      return target.pids.filter((pid) => existsSync(`/proc/${pid}/task`));
    case 'comm': {
      const comm = commOf(target.comm);
      return processIds().filter(
        (pid) => known.has(pid) || readOr(`/proc/${pid}/comm`, '').trimEnd() === comm,
      );
    }
    case 'cgroup':
      return cgroupProcesses(cgroupDirectory(target.path));
    case 'unit':
      return unitProcesses(target.unit);
  }
}

/** The kernel keeps 15 bytes of a name (TASK_COMM_LEN, include/linux/sched.h). */
const COMM_BYTES = 15;

function commOf(command: string): string {
  return Buffer.from(command).subarray(0, COMM_BYTES).toString();
}

/** A unit keeps its control group over restarts: systemd is asked again only when the group is gone. */
const unitGroups = new Map<string, string>();

function unitProcesses(unit: string): number[] {
  let group = unitGroups.get(unit);
  if (group === undefined || !existsSync(group)) {
    group = cgroupDirectory(unitCgroup(unit));
    unitGroups.set(unit, group);
  }
  return cgroupProcesses(group);
}

function unitCgroup(unit: string): string {
  try {
    const path = execFileSync('systemctl', ['show', '--property=ControlGroup', '--value', '--', unit], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim();
    if (path !== '') return path;
  } catch (error) {
    throw new ShipperError(
      `could not ask systemd for the control group of ${unit}: ${(error as Error).message.split('\n')[0]}; name the service by --cgroup, --pid or --comm`,
      { cause: error },
    );
  }
  throw new ShipperError(
    `expected unit ${unit} to be running, but systemd knows no control group of it: start it, or see «systemctl status ${unit}»`,
  );
}

function cgroupDirectory(path: string): string {
  const inMount = CGROUP_MOUNTS.map((mount) => join(mount, path));
  const found = [path, ...inMount].find((directory) => existsSync(join(directory, 'cgroup.procs')));
  if (found === undefined) {
    throw new ShipperError(
      `expected a control group ${path}, found none below ${CGROUP_MOUNTS.join(', ')}: «cat /proc/PID/cgroup» shows the one of a process`,
    );
  }
  return found;
}

function cgroupProcesses(directory: string): number[] {
  const own = readOr(join(directory, 'cgroup.procs'), '').split('\n').map(Number).filter(isProcess);
  return [...own, ...subgroups(directory).flatMap(cgroupProcesses)];
}

/** Processes that this PID namespace does not see are listed as 0 (cgroup_procs_show, kernel/cgroup/cgroup.c). */
function isProcess(pid: number): boolean {
  return pid > 0;
}

/** None where the group goes while it is looked at: containers and delegated units come and go. */
function subgroups(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(directory, entry.name));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENODEV') return [];
    throw error;
  }
}

function processIds(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

export function threadIds(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return []; // it ended meanwhile
  }
}

/** What the ring does not know of the target's threads; threads that end meanwhile are left out. */
export function threadTable(pids: readonly number[]): RecordedThread[] {
  return pids.flatMap((tgid) => {
    const exe = programName(tgid);
    const cgroup = cgroupOf(tgid);
    return threadIds(tgid).flatMap((tid) => {
      const directory = `/proc/${tgid}/task/${tid}`;
      const stat = readOr(`${directory}/stat`, '');
      if (stat === '') return [];
      // The name in parentheses may hold anything; the fields after the last one do not.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const nsPid = /^NSpid:\s*(.*)$/m.exec(readOr(`${directory}/status`, ''))?.[1] ?? String(tid);
      return [
        {
          tid,
          tgid,
          comm: readOr(`${directory}/comm`, '').trimEnd(),
          exe,
          nsPid: nsPid.split(/\s+/).map(Number),
          cgroup,
          startSeconds: Number(fields[19] ?? 0) / TICKS_PER_SECOND,
        },
      ];
    });
  });
}

function programName(pid: number): string {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, ''));
  } catch {
    return '';
  }
}

/** The path in version 2's hierarchy, or in systemd's of version 1. */
function cgroupOf(pid: number): string {
  const lines = readOr(`/proc/${pid}/cgroup`, '').split('\n');
  const line = lines.find((l) => l.startsWith('0::')) ?? lines.find((l) => l.includes('name=systemd'));
  return line?.split(':').slice(2).join(':') ?? '';
}

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A control group of one run: what it records is told by the unified hierarchy (perf record --cgroup), what CPU it may
 * use by the cpu controller, which may lie in a hierarchy of its own (cgroup v1) or in the unified one (v2).
 */
export interface Cgroup {
  /** As perf record --cgroup takes it. */
  readonly name: string;
  /** Files into which a process writes its id to join. */
  readonly joinFiles: readonly string[];
  /** The one that limits CPU only: a neighbour joins this and is not recorded. */
  readonly cpuJoinFile: string;
  pids(): number[];
  /** Share of one CPU. */
  limitCpu(share: number): void;
  cpuSeconds(): number;
  remove(): Promise<void>;
}

/** Ten times what others get, so that a crowded machine disturbs the recordings less; the quota bounds it. */
const SHARES = 10_240;
const WEIGHT = 1_000;
const PERIOD_US = 100_000;
/** The kernel takes no quota below 1 ms (kernel/sched/core.c, min_cfs_quota_period). */
const SHORTEST_QUOTA_US = 1_000;

interface Mounts {
  readonly unified: string;
  readonly cpu: string;
  readonly cpuacct: string;
  /** True: the cpu controller is of cgroup v2. */
  readonly cpuInUnified: boolean;
}

function findMounts(): Mounts {
  let unified: string | undefined;
  const controllers = new Map<string, string>();
  for (const line of readFileSync('/proc/self/mounts', 'utf8').split('\n')) {
    const [, folder, type, options] = line.split(' ');
    if (folder === undefined || options === undefined) continue;
    if (type === 'cgroup2') unified ??= folder;
    if (type === 'cgroup') for (const option of options.split(',')) controllers.set(option, folder);
  }
  if (unified === undefined) {
    throw new Error(
      'no cgroup2 mount, which perf record --cgroup needs; mount one: mount -t cgroup2 none FOLDER',
    );
  }
  const cpu = controllers.get('cpu');
  return {
    unified,
    cpu: cpu ?? unified,
    cpuacct: controllers.get('cpuacct') ?? cpu ?? unified,
    cpuInUnified: cpu === undefined,
  };
}

export function createCgroup(name: string): Cgroup {
  const mounts = findMounts();
  const folders = [...new Set([mounts.unified, mounts.cpu, mounts.cpuacct])].map((mount) =>
    join(mount, name),
  );
  if (mounts.cpuInUnified) writeFileSync(join(mounts.unified, 'cgroup.subtree_control'), '+cpu');
  for (const folder of folders) mkdirSync(folder, { recursive: true });
  const cpuFolder = join(mounts.cpu, name);
  if (mounts.cpuInUnified) writeFileSync(join(cpuFolder, 'cpu.weight'), String(WEIGHT));
  else writeFileSync(join(cpuFolder, 'cpu.shares'), String(SHARES));
  const procs = (folder: string) =>
    existsSync(folder)
      ? readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number)
      : [];
  return {
    name,
    joinFiles: folders.map((folder) => join(folder, 'cgroup.procs')),
    cpuJoinFile: join(cpuFolder, 'cgroup.procs'),
    pids: () => procs(join(mounts.unified, name)),
    limitCpu(share) {
      const quota = Math.max(SHORTEST_QUOTA_US, Math.round(PERIOD_US * share));
      if (mounts.cpuInUnified) writeFileSync(join(cpuFolder, 'cpu.max'), `${quota} ${PERIOD_US}`);
      else writeFileSync(join(cpuFolder, 'cpu.cfs_quota_us'), String(quota));
    },
    cpuSeconds() {
      if (!mounts.cpuInUnified) {
        return Number(readFileSync(join(mounts.cpuacct, name, 'cpuacct.usage'), 'utf8')) / 1e9;
      }
      const stat = readFileSync(join(cpuFolder, 'cpu.stat'), 'utf8');
      return Number(/^usage_usec (\d+)/m.exec(stat)?.[1] ?? Number.NaN) / 1e6;
    },
    async remove() {
      for (const folder of folders) {
        for (let tries = 0; existsSync(folder); tries++) {
          try {
            rmdirSync(folder);
          } catch (error) {
            if (tries === 50) throw error;
            await sleep(100);
          }
        }
      }
    },
  };
}

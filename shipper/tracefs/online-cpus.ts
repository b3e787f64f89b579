import { readFileSync } from 'node:fs';

/**
 * CPUs that run now. A ring has a directory for each that the machine could ever have, on some virtual machines 128
 * for 4; those that are absent have no memory in the ring and must not count in its size.
 */
export function onlineCpus(): ReadonlySet<number> | null {
  try {
    return parseCpuList(readFileSync('/sys/devices/system/cpu/online', 'utf8'));
  } catch {
    return null; // not told: all may be there
  }
}

/** `0-3,8` (Documentation/admin-guide/cputopology.rst). */
export function parseCpuList(text: string): ReadonlySet<number> {
  const cpus = new Set<number>();
  for (const range of text.trim().split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(range);
    if (match === null) continue;
    const first = Number(match[1]);
    for (let cpu = first; cpu <= Number(match[2] ?? first); cpu++) cpus.add(cpu);
  }
  return cpus;
}

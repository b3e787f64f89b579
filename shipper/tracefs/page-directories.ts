import { join } from 'node:path';
import type { Directories } from '../armed.ts';

/** Where drained pages go: to the spool, and where its disk is full, to the memory that /run is made of. */
export function pageDirectories(directories: Directories, service: string): string[] {
  return [join(directories.spool, service, 'ring'), join(directories.state, `${service}.ring`)];
}

/** Stands while a drain runs (drain-ring.ts). */
export function drainMarker(directories: Directories, service: string): string {
  return join(directories.state, `${service}.draining`);
}

import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Action } from './recipe.ts';

const SIZE_MIB = 64;
const PAUSE_MS = 400;
const PERIOD_MS = 500;

type DiskState = Extract<Action, { do: 'disk' }>['state'];

/** A small file system of its own for one run, whose troubles can be staged. */
export interface Disk {
  set(state: DiskState): void;
  remove(): void;
}

export function mountDisk(imageFile: string, folder: string): Disk {
  execFileSync('truncate', ['-s', `${SIZE_MIB}M`, imageFile]);
  execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', imageFile]);
  mkdirSync(folder, { recursive: true });
  execFileSync('mount', ['-o', 'loop', imageFile, folder]);
  const ballast = join(folder, '.ballast');
  let frozen = false;
  let pulses: NodeJS.Timeout | undefined;
  const freeze = (wanted: boolean) => {
    if (wanted === frozen) return;
    execFileSync('fsfreeze', [wanted ? '-f' : '-u', folder]);
    frozen = wanted;
  };
  const calm = () => {
    clearInterval(pulses);
    pulses = undefined;
    freeze(false);
  };
  return {
    set(state) {
      calm();
      if (state !== 'full') rmSync(ballast, { force: true });
      switch (state) {
        case 'normal':
          return;
        case 'stuck':
          freeze(true);
          return;
        case 'slow':
          freeze(true);
          pulses = setInterval(() => {
            freeze(true);
            setTimeout(() => pulses !== undefined && freeze(false), PAUSE_MS);
          }, PERIOD_MS);
          setTimeout(() => pulses !== undefined && freeze(false), PAUSE_MS);
          return;
        case 'full':
          execFileSync('sh', ['-c', 'cat /dev/zero > "$0" || true', ballast], { stdio: 'ignore' });
          return;
      }
    },
    remove() {
      calm();
      execFileSync('umount', ['-l', folder]);
      rmSync(imageFile, { force: true });
    },
  };
}

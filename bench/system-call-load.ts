import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasCommand } from './cpu-time.ts';

/**
 * A small real load that stops by itself: two processes and a pipe between them, four system calls for each
 * block, and the context switches that pipes make.
 */
function pipeLoad(blocks: number): string {
  return `dd if=/dev/zero bs=512 count=${blocks} 2>/dev/null | dd of=/dev/null bs=512 2>/dev/null`;
}

export type RecordedLoad = { readonly file: string } | { readonly skipped: string };

/** perf.data of the load with `blocks` blocks, or why there is none. */
export function recordWithPerf(folder: string, blocks: number): RecordedLoad {
  if (!hasCommand('perf')) return { skipped: 'perf is not installed' };
  const file = join(folder, 'perf.data');
  const events = 'raw_syscalls:sys_enter,raw_syscalls:sys_exit,sched:sched_switch';
  const recorded = spawnSync(
    'perf',
    [
      'record',
      '-q',
      '-m',
      '16M',
      '-e',
      events,
      '-k',
      'CLOCK_MONOTONIC',
      '-o',
      file,
      '--',
      'sh',
      '-c',
      pipeLoad(blocks),
    ],
    { encoding: 'utf8' },
  );
  if (recorded.status === 0) return { file };
  return { skipped: `perf may not record here (root is needed): ${firstLine(recorded.stderr)}` };
}

/** strace text of the load, or why there is none. */
export function recordWithStrace(folder: string, blocks: number): RecordedLoad {
  if (!hasCommand('strace')) return { skipped: 'strace is not installed' };
  const file = join(folder, 'load.strace');
  const recorded = spawnSync('strace', ['-f', '-ttt', '-T', '-o', file, 'sh', '-c', pipeLoad(blocks)], {
    encoding: 'utf8',
  });
  if (recorded.status === 0) return { file };
  return { skipped: `strace may not trace here: ${firstLine(recorded.stderr)}` };
}

/** Runs `work` in a folder of its own that is gone afterwards, whatever happens. */
export async function inScratchFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'perfscope-bench-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? '';
}

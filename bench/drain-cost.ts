import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdirSync, openSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { drainRing } from '../shipper/tracefs/drain-ring.ts';
import { ringCpus, writeKnob } from '../shipper/tracefs/tracefs.ts';
import { type BenchmarkOptions, median } from './benchmark.ts';
import { ownCpuSeconds } from './cpu-time.ts';
import { RING_PAGE_BYTES, startRing } from './ring-recording.ts';

/** All CPUs' rings together, as the target is stated. */
const RING_BYTES = 256 * 1024 * 1024;

/** Enough one-byte copies to fill a CPU's ring: each makes two calls of 97 bytes. */
const blocksFor = (bytes: number) => Math.ceil((bytes / 97 / 2) * 1.1);

/** CPU time of emptying full rings into files, over that of reading the same pages and dropping them. */
export async function measureDrain(
  folder: string,
  options: BenchmarkOptions,
): Promise<{ readonly ratio: number; readonly note: string }> {
  const cpus = navigator.hardwareConcurrency;
  const kilobytes = Math.ceil(RING_BYTES / 1024 / cpus);
  const directory = join(folder, 'drain');
  const drained: number[] = [];
  const read: number[] = [];
  const rounds = Math.min(options.rounds, 3) * 2;
  for (let round = 0; round <= rounds; round++) {
    options.progress(`draining, round ${round} of ${rounds}`);
    const ring = startRing(folder, `bench-drain-${process.pid}`, [process.pid], kilobytes, false);
    try {
      for (let cpu = 0; cpu < cpus; cpu++) {
        const dd = `dd if=/dev/zero of=/dev/null bs=1 count=${blocksFor(kilobytes * 1024)} 2>/dev/null`;
        spawnSync('taskset', ['-c', String(cpu), 'sh', '-c', dd]);
      }
      // This process is recorded too, and would never come to the end of what it makes by reading.
      writeKnob(ring.instance, 'tracing_on', 0);
      mkdirSync(directory, { recursive: true });
      const seconds = await ownCpuSeconds(async () => {
        if (round % 2 === 0) {
          drainRing({
            instance: ring.instance,
            pageBytes: RING_PAGE_BYTES,
            directories: [directory],
            marker: join(directory, 'draining'),
            untilNs: process.hrtime.bigint(),
          });
        } else {
          plainRead(ring.instance);
        }
      });
      // The first drain is warm-up.
      if (round > 0) (round % 2 === 0 ? drained : read).push(seconds);
    } finally {
      await ring.disarm();
      rmSync(directory, { recursive: true, force: true });
    }
  }
  const [ours, plain] = [median(drained), median(read)];
  return {
    ratio: ours / plain,
    note: `256 MiB of ring into files in ${ours.toFixed(3)} CPU-s; read and dropped in ${plain.toFixed(3)} CPU-s`,
  };
}

function plainRead(instance: string): void {
  const page = Buffer.alloc(RING_PAGE_BYTES);
  for (const cpu of ringCpus(instance)) {
    const ring = openSync(
      join(instance, 'per_cpu', `cpu${cpu}`, 'trace_pipe_raw'),
      constants.O_RDONLY | constants.O_NONBLOCK,
    );
    try {
      while (readSync(ring, page) > 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    } finally {
      closeSync(ring);
    }
  }
}

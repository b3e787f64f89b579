import { type RingSize, ringSize } from './ring-size.ts';
import { resizeRing, ringStats } from './tracefs/arm-ring.ts';
import type { CpuStats } from './tracefs/cpu-stats.ts';

/** Events so far, per CPU, at a moment of the monotonic clock. */
export interface RingSample {
  readonly atSeconds: number;
  readonly cpus: readonly CpuStats[];
}

export function sampleRing(instance: string): RingSample {
  const cpus = ringStats(instance).map(({ stats }) => stats);
  return { atSeconds: Number(process.hrtime.bigint()) / 1e9, cpus };
}

/** What a ring event takes where none was seen yet: half of an enter (68 bytes) and an exit (28). */
const BYTES_PER_EVENT = 48;

/** Bytes of ring that each CPU fills in a second, between two samples. */
export function bytesPerSecond(before: RingSample, after: RingSample): number[] {
  const seconds = Math.max(1e-3, after.atSeconds - before.atSeconds);
  return after.cpus.map((now, i) => {
    const past = before.cpus[i];
    const events = total(now) - (past === undefined ? 0 : total(past));
    const bytesEach = now.entries > 0 ? now.bytes / now.entries : BYTES_PER_EVENT;
    return (Math.max(0, events) * bytesEach) / seconds;
  });
}

function total(stats: CpuStats): number {
  return stats.entries + stats.overrun + stats.readEvents;
}

/** Seconds that the ring holds now: of the CPU that holds the fewest; null while none was overwritten. */
export function heldSeconds(sample: RingSample): number | null {
  const held = sample.cpus
    .filter((stats) => stats.overrun > 0 && stats.oldestEventSeconds !== null)
    .map((stats) => sample.atSeconds - stats.oldestEventSeconds!);
  return held.length === 0 ? null : Math.min(...held);
}

/** Sizes the ring for the rate between the samples. */
export function fitRing(
  instance: string,
  before: RingSample,
  after: RingSample,
  depthSeconds: number,
  capBytes: number,
): RingSize {
  const size = ringSize(bytesPerSecond(before, after), depthSeconds, capBytes);
  resizeRing(instance, size.kilobytes);
  return size;
}

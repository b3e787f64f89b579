import { monotonicSeconds } from './clock.ts';
import { depthAt, grownRing, type RingSize, ringSize } from './ring-size.ts';
import { type CpuRing, onlineRings, resizeRing } from './tracefs/arm-ring.ts';
import type { CpuStats } from './tracefs/cpu-stats.ts';

/** The rings of the CPUs that run, at a moment of the monotonic clock. */
export interface RingSample {
  readonly atSeconds: number;
  readonly rings: readonly CpuRing[];
}

export function sampleRing(instance: string): RingSample {
  return { atSeconds: monotonicSeconds(), rings: onlineRings(instance) };
}

/** What a ring event takes where none was seen yet: half of an enter (68 bytes) and an exit (28). */
const BYTES_PER_EVENT = 48;

/** Bytes of ring that each CPU fills in a second, between two samples. */
function bytesPerSecond(before: RingSample, after: RingSample): number[] {
  const seconds = Math.max(1e-3, after.atSeconds - before.atSeconds);
  return after.rings.map(({ cpu, stats }) => {
    const events = eventsSoFar(stats) - eventsSoFar(statsOf(before, cpu));
    const bytesEach = stats.entries > 0 ? stats.bytes / stats.entries : BYTES_PER_EVENT;
    return (Math.max(0, events) * bytesEach) / seconds;
  });
}

function eventsSoFar(stats: CpuStats | undefined): number {
  return stats === undefined ? 0 : stats.entries + stats.overrun + stats.readEvents;
}

function statsOf(sample: RingSample, cpu: number): CpuStats | undefined {
  return sample.rings.find((ring) => ring.cpu === cpu)?.stats;
}

/**
 * What the ring should grow to; null where it may stay. It has been outgrown only where events were overwritten
 * between the two samples: a ring that `ship` has emptied holds little, and is still as large as it was.
 */
export function growth(
  before: RingSample,
  after: RingSample,
  depthSeconds: number,
  capBytes: number,
): RingSize | null {
  const isOverrun = after.rings.some(
    ({ cpu, stats }) => stats.overrun > (statsOf(before, cpu)?.overrun ?? 0),
  );
  if (!isOverrun) return null;
  const present = after.rings.map(({ kilobytes }) => kilobytes);
  return grownRing(present, bytesPerSecond(before, after), depthSeconds, capBytes);
}

/** Seconds that the ring as it is holds at the rate between the samples. */
export function depthOf(before: RingSample, after: RingSample): number {
  return depthAt(
    after.rings.map(({ kilobytes }) => kilobytes),
    bytesPerSecond(before, after),
  );
}

/** Sizes the ring for the rate between the samples. */
export function fitRing(
  instance: string,
  before: RingSample,
  after: RingSample,
  depthSeconds: number,
  capBytes: number,
): RingSize & { readonly refusal: string | null } {
  const size = ringSize(bytesPerSecond(before, after), depthSeconds, capBytes);
  return applied(instance, before, after, size);
}

/** Resizes; where the kernel has no memory for it, says so, and what the ring then is. */
export function applied(
  instance: string,
  before: RingSample,
  after: RingSample,
  size: RingSize,
): RingSize & { readonly refusal: string | null } {
  const refusal = resizeRing(
    instance,
    after.rings.map(({ cpu }, i) => ({ cpu, kilobytes: size.kilobytes[i]! })),
  );
  if (refusal === null) return { ...size, refusal };
  const kilobytes = onlineRings(instance).map((ring) => ring.kilobytes);
  return {
    kilobytes,
    depthSeconds: depthAt(kilobytes, bytesPerSecond(before, after)),
    capped: true,
    refusal,
  };
}

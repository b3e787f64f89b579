import type { Cgroup } from './cgroup.ts';
import { monotonicSeconds } from './clock.ts';
import type { Recorder } from './perf-recorder.ts';

const LOOK_MS = 500;
/** A call in perf.data: enter, exit and its share of switches. */
const BYTES_PER_CALL = 220;
/** Above this many times the limit it is a flood: the recorder writes in lumps. */
const FLOOD_FACTOR = 4;
export const DEFAULT_CALLS_PER_SECOND = 4000;

export interface FloodGuard {
  /** The last quota set, or null. */
  quota(): { readonly share: number; readonly at: number } | null;
  end(): void;
}

/**
 * Watches how fast a recording grows and takes CPU from the server when its calls flood: four times what they are then
 * held to, because the recorder writes in lumps.
 */
export function guardAgainstFlood(
  recorder: Recorder,
  cgroup: Cgroup,
  callsPerSecond: number,
  bytesPerCall = BYTES_PER_CALL,
): FloodGuard {
  let quota: { share: number; at: number } | null = null;
  let bytes = recorder.bytes();
  let cpu = cgroup.cpuSeconds();
  let at = monotonicSeconds();
  const timer = setInterval(() => {
    const [bytesNow, cpuNow, now] = [recorder.bytes(), cgroup.cpuSeconds(), monotonicSeconds()];
    const rate = (bytesNow - bytes) / bytesPerCall / (now - at);
    const used = (cpuNow - cpu) / (now - at);
    [bytes, cpu, at] = [bytesNow, cpuNow, now];
    if (rate < FLOOD_FACTOR * callsPerSecond) return;
    const share = Math.max(0.01, Math.min(quota?.share ?? 1, (used * callsPerSecond) / rate));
    cgroup.limitCpu(share);
    quota = { share, at: now };
  }, LOOK_MS);
  return {
    quota: () => quota,
    end: () => clearInterval(timer),
  };
}

import { cpus } from 'node:os';
import type { Cgroup } from './cgroup.ts';
import { monotonicSeconds } from './clock.ts';
import { LUMP_BYTES, type Recorder } from './perf-recorder.ts';

export const DEFAULT_CALLS_PER_SECOND = 4000;
const LOOK_MS = 250;
/** How many looks are added up to tell a lesser flood from the recorder's lumps. */
const LONG_LOOKS = 8;
/** A call in perf.data: enter, exit and its share of switches. */
const BYTES_PER_CALL = 220;
/** Above this many times what calls are then held to it is a flood. */
const FLOOD_FACTOR = 2.5;
/** The kernel gives no less (see cgroup.ts). */
const LEAST_SHARE = 0.01;

/** What the recorder had written and the server used at a moment. */
export interface Look {
  readonly at: number;
  readonly bytes: number;
  readonly cpuSeconds: number;
}

export interface FloodGuard {
  /** The last quota set, or null. */
  quota(): { readonly share: number; readonly at: number } | null;
  end(): void;
}

/** Watches how fast a recording grows and takes CPU from the server when its calls flood. */
export function guardAgainstFlood(
  recorder: Recorder,
  cgroup: Cgroup,
  callsPerSecond: number,
  bytesPerCall = BYTES_PER_CALL,
): FloodGuard {
  const look = () => ({ at: monotonicSeconds(), bytes: recorder.bytes(), cpuSeconds: cgroup.cpuSeconds() });
  let quota: { share: number; at: number } | null = null;
  let looks: Look[] = [look()];
  const timer = setInterval(() => {
    looks = [...looks.slice(-LONG_LOOKS), look()];
    const share = quotaAgainstFlood(looks, callsPerSecond, bytesPerCall, cpus().length * LUMP_BYTES);
    if (share === null) return;
    quota = { share: Math.min(quota?.share ?? 1, share), at: monotonicSeconds() };
    cgroup.limitCpu(quota.share);
    looks = looks.slice(-1);
  }, LOOK_MS);
  return {
    quota: () => quota,
    end: () => clearInterval(timer),
  };
}

/**
 * Share of a CPU that would hold the calls to `callsPerSecond`, or null where they do not flood: neither since the
 * first look nor since the last but one. What the recorder may have held back before (`lumpBytes`) counts as nothing.
 */
export function quotaAgainstFlood(
  looks: readonly Look[],
  callsPerSecond: number,
  bytesPerCall: number,
  lumpBytes: number,
): number | null {
  const last = looks.at(-1);
  if (last === undefined) return null;
  for (const first of [looks.at(-2), looks[0]]) {
    if (first === undefined || first === last) continue;
    const seconds = last.at - first.at;
    const rate = (last.bytes - first.bytes - lumpBytes) / bytesPerCall / seconds;
    if (rate < FLOOD_FACTOR * callsPerSecond) continue;
    const used = (last.cpuSeconds - first.cpuSeconds) / seconds;
    return Math.max(LEAST_SHARE, (used * callsPerSecond) / rate);
  }
  return null;
}

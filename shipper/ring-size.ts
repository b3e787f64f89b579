/**
 * How large the ring has to be: from the measured rate of each CPU, so that the least of them holds the wanted
 * depth, within a cap on the memory of all.
 */
export interface RingSize {
  /** Per CPU, in the order of the rates. */
  readonly kilobytes: readonly number[];
  /** Seconds that the ring is expected to hold at the measured rate. */
  readonly depthSeconds: number;
  readonly capped: boolean;
}

/** Alarms come a minute or two after their cause and ask for 90 s before: five minutes hold both. */
export const DEPTH_SECONDS = 300;

/** Load moves between CPUs, and an incident is busier than the minute before it. */
const HEADROOM = 1.25;

/** An idle CPU's ring must take what moves there. */
const LEAST_KILOBYTES = 1_024;

/** Default cap on the memory of all rings: a sixteenth of the machine, at most this. */
const GREATEST_DEFAULT_CAP_BYTES = 512 * 1024 * 1024;

export function defaultCapBytes(machineBytes: number): number {
  return Math.min(GREATEST_DEFAULT_CAP_BYTES, Math.floor(machineBytes / 16));
}

export function ringSize(
  bytesPerSecond: readonly number[],
  depthSeconds: number,
  capBytes: number,
): RingSize {
  const mean = bytesPerSecond.reduce((sum, rate) => sum + rate, 0) / bytesPerSecond.length;
  const wanted = bytesPerSecond.map((rate) =>
    Math.max(LEAST_KILOBYTES, Math.ceil((Math.max(rate, mean) * depthSeconds * HEADROOM) / 1024)),
  );
  const total = wanted.reduce((sum, size) => sum + size, 0);
  const capKilobytes = Math.floor(capBytes / 1024);
  const capped = total > capKilobytes;
  const kilobytes = capped
    ? wanted.map((size) => Math.max(64, Math.floor((size / total) * capKilobytes)))
    : wanted;
  const depths = kilobytes.map((size, i) => (size * 1024) / Math.max(1, bytesPerSecond[i] ?? 0));
  return { kilobytes, depthSeconds: Math.min(...depths), capped };
}

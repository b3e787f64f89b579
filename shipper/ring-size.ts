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

/** A service that is idle while it is armed gets this share of the cap: its first burst comes before the watch looks. */
const IDLE_SHARE = 1 / 8;

/** The kernel's own least is two pages; with fewer than some, each read takes most of the ring. */
export const FEWEST_KILOBYTES = 64;

/** Per CPU, while the rate is not yet known. */
const FIRST_KILOBYTES = 4_096;

/** Default cap on the memory of all rings: a sixteenth of the machine, at most this. */
const GREATEST_DEFAULT_CAP_BYTES = 512 * 1024 * 1024;

export function defaultCapBytes(machineBytes: number): number {
  return Math.min(GREATEST_DEFAULT_CAP_BYTES, Math.floor(machineBytes / 16));
}

/** Of each CPU, before anything is measured. */
export function firstKilobytes(cpus: number, capBytes: number): number {
  return Math.max(FEWEST_KILOBYTES, Math.min(FIRST_KILOBYTES, Math.floor(capBytes / 1024 / cpus)));
}

export function ringSize(
  bytesPerSecond: readonly number[],
  depthSeconds: number,
  capBytes: number,
): RingSize {
  const capKilobytes = Math.floor(capBytes / 1024);
  const mean = bytesPerSecond.reduce((sum, rate) => sum + rate, 0) / bytesPerSecond.length;
  const least = Math.max(LEAST_KILOBYTES, Math.floor((capKilobytes * IDLE_SHARE) / bytesPerSecond.length));
  const wanted = bytesPerSecond.map((rate) =>
    Math.max(least, Math.ceil((Math.max(rate, mean) * depthSeconds * HEADROOM) / 1024)),
  );
  const total = sum(wanted);
  const capped = total > capKilobytes;
  const kilobytes = capped
    ? wanted.map((size) => Math.max(FEWEST_KILOBYTES, Math.floor((size / total) * capKilobytes)))
    : wanted;
  return { kilobytes, depthSeconds: depthAt(kilobytes, bytesPerSecond), capped };
}

/** Growing stops recording for a moment: not for less than this. */
const LEAST_GAIN = 1.3;

/**
 * The size of a ring that the load has outgrown, or null where it may stay as it is. No CPU's part ever becomes
 * smaller, since that throws pages away, perhaps in the middle of an incident whose load has just stopped.
 */
export function grownRing(
  presentKilobytes: readonly number[],
  bytesPerSecond: readonly number[],
  depthSeconds: number,
  capBytes: number,
): RingSize | null {
  const wanted = ringSize(bytesPerSecond, depthSeconds, capBytes);
  const missing = presentKilobytes.map((present, i) => Math.max(0, (wanted.kilobytes[i] ?? 0) - present));
  const room = Math.max(0, capBytes / 1024 - sum(presentKilobytes));
  const share = Math.min(1, room / Math.max(1, sum(missing)));
  const kilobytes = presentKilobytes.map((present, i) => present + Math.floor((missing[i] ?? 0) * share));
  const before = depthAt(presentKilobytes, bytesPerSecond);
  const after = depthAt(kilobytes, bytesPerSecond);
  if (before >= depthSeconds || after < before * LEAST_GAIN) return null;
  return { kilobytes, depthSeconds: after, capped: wanted.capped || share < 1 };
}

/** Seconds that rings of these sizes hold at these rates: of the CPU that holds the fewest. */
export function depthAt(kilobytes: readonly number[], bytesPerSecond: readonly number[]): number {
  return Math.min(...kilobytes.map((size, i) => (size * 1024) / Math.max(1, bytesPerSecond[i] ?? 0)));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

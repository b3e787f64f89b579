/** One CPU's ring, as per_cpu/cpuN/stats tells (Documentation/trace/ftrace.rst, "stats"). */
export interface CpuStats {
  /** Events in the ring now. */
  readonly entries: number;
  /** Events that newer ones have overwritten since the ring was made. */
  readonly overrun: number;
  readonly commitOverrun: number;
  readonly bytes: number;
  /** Time of the oldest event in the ring, by the ring's clock; null where the ring is empty. */
  readonly oldestEventSeconds: number | null;
  readonly droppedEvents: number;
  readonly readEvents: number;
}

export function parseCpuStats(text: string): CpuStats {
  const value = (name: string) => Number(new RegExp(`^${name}:\\s*([\\d.]+)`, 'm').exec(text)?.[1] ?? 0);
  const entries = value('entries');
  return {
    entries,
    overrun: value('overrun'),
    commitOverrun: value('commit overrun'),
    bytes: value('bytes'),
    oldestEventSeconds: entries === 0 ? null : value('oldest event ts'),
    droppedEvents: value('dropped events'),
    readEvents: value('read events'),
  };
}

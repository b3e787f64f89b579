/** CLOCK_MONOTONIC in seconds, which perf record -k CLOCK_MONOTONIC and the loads use too. */
export function monotonicSeconds(): number {
  return Number(process.hrtime.bigint()) / 1e9;
}

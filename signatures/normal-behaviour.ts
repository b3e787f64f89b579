import { eachDescriptorGap } from '../calls/descriptors.ts';
import { requests } from '../calls/requests.ts';
import { rowsByThread } from '../calls/threads.ts';
import { OPEN, type Trace } from '../trace/trace.ts';
import type { SignatureSet } from './signature-set.ts';

/** Median, 99th percentile and maximum, seconds. */
export type Spread = readonly [number, number, number];

export interface ProfileColumns {
  readonly trace: Trace;
  /** Symbol id and state per call, over all profiles. */
  readonly symbols: Uint16Array;
  readonly states: Int32Array;
}

/** The service's normal behaviour over all profiles. */
export function normalBehaviour(
  profiles: readonly ProfileColumns[],
  symbolCount: number,
): SignatureSet['normal'] {
  const rate = new Float64Array(symbolCount);
  let offCallNs = 0;
  for (const { trace, symbols } of profiles) {
    const seconds = Math.max(trace.window.endNs / 1e9, 1e-9);
    const counts = new Float64Array(symbolCount);
    for (let row = 0; row < trace.length; row++) counts[symbols[row] as number]!++;
    for (let s = 0; s < symbolCount; s++)
      rate[s] = Math.max(rate[s] as number, (counts[s] as number) / seconds);
    for (const rows of rowsByThread(trace)) {
      let returned = Number.POSITIVE_INFINITY;
      for (const row of rows) {
        const enter = trace.enterNs[row] as number;
        if (enter - returned > offCallNs) offCallNs = enter - returned;
        returned = enter + (trace.durationNs[row] as number);
      }
    }
  }
  return { rate: Array.from(rate, rounded), offCall: rounded(offCallNs / 1e9) };
}

/** Time in the call, per state. */
export function stateDurations(profiles: readonly ProfileColumns[], stateCount: number): Spread[] {
  const durations: number[][] = Array.from({ length: stateCount }, () => []);
  for (const { trace, states } of profiles) {
    for (let row = 0; row < trace.length; row++) {
      const duration = trace.durationNs[row] as number;
      if (duration !== OPEN) (durations[states[row] as number] as number[]).push(duration);
    }
  }
  return durations.map(spread);
}

/** Time to the answer, per state that sends it: [state, count, median, 99th percentile, maximum seconds]. */
export function requestLatencies(profiles: readonly ProfileColumns[]): SignatureSet['latencies'] {
  const found = new Map<number, number[]>();
  for (const { trace, states } of profiles) {
    for (const { answered, latencyNs } of requests(trace)) {
      if (answered < 0) continue;
      const state = states[answered] as number;
      const values = found.get(state);
      if (values === undefined) found.set(state, [latencyNs]);
      else values.push(latencyNs);
    }
  }
  return [...found]
    .sort((a, b) => a[0] - b[0])
    .map(([state, values]) => [state, values.length, ...spread(values)]);
}

/** Time between two calls on one descriptor, per pair of states: how long a connection normally rests there. */
export function descriptorGaps(profiles: readonly ProfileColumns[]): SignatureSet['gaps'] {
  const found = new Map<number, number[]>();
  for (const { trace, states } of profiles) {
    eachDescriptorGap(trace, (previous, row, gapNs) => {
      const key = (states[previous] as number) * PAIR_RADIX + (states[row] as number);
      const values = found.get(key);
      if (values === undefined) found.set(key, [gapNs]);
      else values.push(gapNs);
    });
  }
  return [...found]
    .sort((a, b) => a[0] - b[0])
    .map(([key, values]) => [
      Math.floor(key / PAIR_RADIX),
      key % PAIR_RADIX,
      values.length,
      ...spread(values),
    ]);
}

const PAIR_RADIX = 2 ** 24;

function spread(valuesNs: readonly number[]): [number, number, number] {
  const sorted = Float64Array.from(valuesNs).sort();
  return [quantile(sorted, 0.5), quantile(sorted, 0.99), quantile(sorted, 1)];
}

/** Seconds, from sorted nanoseconds (nearest rank). */
function quantile(sortedNs: Float64Array, q: number): number {
  if (sortedNs.length === 0) return 0;
  return rounded((sortedNs[Math.max(0, Math.ceil(q * sortedNs.length) - 1)] as number) / 1e9);
}

function rounded(value: number): number {
  return Number(value.toPrecision(6));
}

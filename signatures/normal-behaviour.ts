import { eachDescriptorGap } from '../calls/descriptors.ts';
import { pairKey, pairOf } from '../calls/pair-key.ts';
import { OPEN } from '../trace/trace.ts';
import { addCount } from './counts.ts';
import type { ProfileCalls } from './profile-calls.ts';
import { rounded } from './rounded.ts';
import type { SignatureSet } from './signature-set.ts';

/** Median, 99th percentile and maximum, seconds. */
type Spread = [median: number, percentile99: number, maximum: number];

/** How often and how long, at most, over all profiles: keeps the times of their calls, and none of their traces. */
export interface NormalBehaviour {
  add(profile: ProfileCalls): void;
  /** Time in the call, open calls aside; zeros where the profiles show none that returned. */
  duration(state: number): Spread;
  gaps(): SignatureSet['gaps'];
  latencies(): SignatureSet['latencies'];
  rates(): SignatureSet['normal'];
}

export function normalBehaviour(): NormalBehaviour {
  const durations = timesByKey();
  const gaps = timesByKey();
  const latencies = timesByKey();
  const rate: number[] = [];
  let offCallNs = 0;
  return {
    add({ calls, symbols, states }) {
      const { trace, threadRows, requests } = calls;
      for (let row = 0; row < trace.length; row++) {
        const durationNs = trace.durationNs[row] as number;
        if (durationNs !== OPEN) durations.add(states[row] as number, durationNs);
      }
      eachDescriptorGap(trace, (previous, row, gapNs) =>
        gaps.add(pairKey(states[previous] as number, states[row] as number), gapNs),
      );
      for (const { answered, latencyNs } of requests) {
        if (answered >= 0) latencies.add(states[answered] as number, latencyNs);
      }
      const seconds = Math.max(trace.window.endNs / 1e9, 1e-9);
      const counts = new Map<number, number>();
      for (const symbol of symbols) addCount(counts, symbol);
      for (const [symbol, count] of counts) {
        rate[symbol] = Math.max(rate[symbol] ?? 0, count / seconds);
      }
      for (const rows of threadRows) {
        let returned = Number.POSITIVE_INFINITY;
        for (const row of rows) {
          const enter = trace.enterNs[row] as number;
          offCallNs = Math.max(offCallNs, enter - returned);
          returned = enter + (trace.durationNs[row] as number);
        }
      }
    },
    duration: (state) => spread(durations.times.get(state) ?? []),
    gaps: () => sorted(gaps.times).map(([key, ns]) => [...pairOf(key), ns.length, ...spread(ns)]),
    latencies: () => sorted(latencies.times).map(([state, ns]) => [state, ns.length, ...spread(ns)]),
    rates: () => ({ rate: rate.map(rounded), offCall: rounded(offCallNs / 1e9) }),
  };
}

function timesByKey() {
  const times = new Map<number, number[]>();
  return {
    times: times as ReadonlyMap<number, readonly number[]>,
    add(key: number, ns: number): void {
      const known = times.get(key);
      if (known === undefined) times.set(key, [ns]);
      else known.push(ns);
    },
  };
}

function sorted<T>(times: ReadonlyMap<number, T>): [number, T][] {
  return [...times].sort(([a], [b]) => a - b);
}

function spread(valuesNs: readonly number[]): Spread {
  const ascending = Float64Array.from(valuesNs).sort();
  return [quantile(ascending, 0.5), quantile(ascending, 0.99), quantile(ascending, 1)];
}

/** Seconds, from sorted nanoseconds (nearest rank). */
function quantile(sortedNs: Float64Array, q: number): number {
  if (sortedNs.length === 0) return 0;
  return rounded((sortedNs[Math.max(0, Math.ceil(q * sortedNs.length) - 1)] as number) / 1e9);
}

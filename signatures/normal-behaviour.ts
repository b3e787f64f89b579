import { OPEN, type Trace } from '../trace/trace.ts';
import { rowsByThread } from './invocations.ts';
import type { SignatureSet } from './signature-set.ts';

export interface ProfileColumns {
  readonly trace: Trace;
  /** Symbol id per call, over all profiles. */
  readonly symbols: Uint16Array;
}

/** The service's normal behaviour over all profiles, per symbol: rate, time in the call, longest run. */
export function normalBehaviour(
  profiles: readonly ProfileColumns[],
  symbolCount: number,
): SignatureSet['normal'] {
  const rate = new Float64Array(symbolCount);
  const run = new Float64Array(symbolCount);
  const durations: number[][] = Array.from({ length: symbolCount }, () => []);
  for (const { trace, symbols } of profiles) {
    const seconds = Math.max(trace.window.endNs / 1e9, 1e-9);
    const counts = new Float64Array(symbolCount);
    for (let row = 0; row < trace.length; row++) {
      const symbol = symbols[row] as number;
      counts[symbol]!++;
      const duration = trace.durationNs[row] as number;
      if (duration !== OPEN) durations[symbol]!.push(duration);
    }
    for (let s = 0; s < symbolCount; s++)
      rate[s] = Math.max(rate[s] as number, (counts[s] as number) / seconds);
    for (const rows of rowsByThread(trace)) {
      let length = 0;
      let last = -1;
      for (const row of rows) {
        const symbol = symbols[row] as number;
        length = symbol === last ? length + 1 : 1;
        last = symbol;
        if (length > (run[symbol] as number)) run[symbol] = length;
      }
    }
  }
  return {
    rate: Array.from(rate, rounded),
    duration: durations.map((values): [number, number, number] => {
      const sorted = Float64Array.from(values).sort();
      return [quantile(sorted, 0.5), quantile(sorted, 0.99), quantile(sorted, 1)];
    }),
    run: Array.from(run),
  };
}

/** Seconds, from sorted nanoseconds (nearest rank). */
function quantile(sortedNs: Float64Array, q: number): number {
  if (sortedNs.length === 0) return 0;
  return rounded((sortedNs[Math.ceil(q * sortedNs.length) - 1] ?? (sortedNs[0] as number)) / 1e9);
}

function rounded(value: number): number {
  return Number(value.toPrecision(6));
}

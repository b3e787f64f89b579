import { eachDescriptorGap } from '../../signatures/normal-behaviour.ts';
import { OPEN } from '../../trace/trace.ts';
import { NO_STATE } from './attribute.ts';
import { seconds } from './detect-stuck.ts';
import { evidenceCalls, type Finding, type Observation } from './evidence.ts';

/** A wait is a stall when it is this many times the longest normal one of its kind … */
const STALL_RATIO = 3;
/** … and at least this long. */
const MINIMUM_STALL_NS = 20e6;
/** A slowdown is more than bad luck from this many stalls on … */
const MINIMUM_STALLS = 5;
/** … that hold up, on average since the onset, at least this many connections or threads at once. */
const MINIMUM_EXTENT = 0.1;
/** Kinds seen less often in normal runs have no reliable longest wait: their rarest is taken twice as long. */
const FEW = 20;

interface Stall {
  readonly row: number;
  readonly previous: number;
  readonly startNs: number;
  readonly excessNs: number;
  readonly ratio: number;
}

/**
 * Finds time lost against normal: inside a call that is not a dispatch call, or between two calls on one descriptor (a
 * connection that rests although its work could go on). The yardstick is the longest normal wait at the same place.
 */
export function detectStall(observation: Observation): Finding | null {
  const { trace, column, normal } = observation;
  if (normal === null) return null;
  const stalls = [...slowCalls(observation), ...restingDescriptors(observation)].sort(
    (a, b) => a.startNs - b.startNs,
  );
  const endNs = trace.window.endNs;
  if (stalls.length < MINIMUM_STALLS) return null;
  // The onset is where stalls begin to be frequent: the split with the largest rise of excess per second.
  const total = stalls.reduce((sum, stall) => sum + stall.excessNs, 0);
  let before = 0;
  let best = -1;
  let at = 0;
  for (let i = 0; i + MINIMUM_STALLS <= stalls.length; i++) {
    const start = (stalls[i] as Stall).startNs;
    const rise =
      (total - before) / Math.max(1e6, endNs - start) - (i === 0 ? 0 : before / Math.max(1e6, start));
    if (rise > best) {
      best = rise;
      at = i;
    }
    before += (stalls[i] as Stall).excessNs;
  }
  const since = stalls.slice(at);
  const onsetNs = (since[0] as Stall).startNs;
  const excess = since.reduce((sum, stall) => sum + stall.excessNs, 0);
  const extent = excess / Math.max(1e6, endNs - onsetNs);
  if (extent < MINIMUM_EXTENT) return null;
  const ratios = since.map((stall) => stall.ratio).sort((a, b) => a - b);
  const abnormality = ratios[Math.floor(ratios.length / 2)] as number;
  const threads = [...new Set(since.map((stall) => trace.thread[stall.row] as number))];
  const worst = since.reduce((a, b) => (b.excessNs > a.excessNs ? b : a));
  return {
    kind: 'stall',
    onsetNs,
    abnormality,
    extent: Math.min(1, extent),
    calls: evidenceCalls(
      since.flatMap(({ row, previous, excessNs }) =>
        previous === row
          ? [{ row, weight: excessNs }]
          : [
              { row, weight: excessNs / 2 },
              { row: previous, weight: excessNs / 2 },
            ],
      ),
    ),
    threads,
    description:
      `${since.length} waits of up to ${seconds(worst.excessNs)} more than normal, most at ` +
      `${column.symbols[column.ids[worst.previous] as number]} → ${column.symbols[column.ids[worst.row] as number]}`,
  };
}

function slowCalls({ trace, dispatch, normal }: Observation): Stall[] {
  const stalls: Stall[] = [];
  if (normal === null) return stalls;
  for (let row = 0; row < trace.length; row++) {
    const state = normal.attribution.states[row] as number;
    if (state === NO_STATE || dispatch[trace.thread[row] as number]?.has(trace.call[row] as number)) continue;
    const duration = trace.durationNs[row] as number;
    if (duration === OPEN || duration < MINIMUM_STALL_NS) continue;
    const [, , count, , , longest] = normal.set.states[state] as readonly number[] as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const stall = stalled(duration, longest * 1e9, count);
    if (stall !== null) stalls.push({ row, previous: row, startNs: trace.enterNs[row] as number, ...stall });
  }
  return stalls;
}

function restingDescriptors({ trace, normal }: Observation): Stall[] {
  const stalls: Stall[] = [];
  if (normal === null) return stalls;
  const { states } = normal.attribution;
  const usual = new Map(
    normal.set.gaps.map(([from, to, count, , , longest]) => [from * 2 ** 24 + to, { count, longest }]),
  );
  eachDescriptorGap(trace, (previous, row, gapNs) => {
    if (gapNs < MINIMUM_STALL_NS) return;
    const pair = usual.get((states[previous] as number) * 2 ** 24 + (states[row] as number));
    if (pair === undefined) return;
    const stall = stalled(gapNs, pair.longest * 1e9, pair.count);
    if (stall === null) return;
    const startNs = (trace.enterNs[previous] as number) + (trace.durationNs[previous] as number);
    stalls.push({ row, previous, startNs, ...stall });
  });
  return stalls;
}

function stalled(ns: number, longestNs: number, count: number): { excessNs: number; ratio: number } | null {
  const reference = Math.max(longestNs * (count < FEW ? 2 : 1), MINIMUM_STALL_NS / STALL_RATIO);
  return ns >= STALL_RATIO * reference ? { excessNs: ns - reference, ratio: ns / reference } : null;
}

import type { Calls } from '../calls/calls.ts';
import type { Normal } from '../signatures/normal.ts';
import type { Finding, LoopFinding, StallFinding, StuckFinding } from './finding.ts';
import { median } from './median.ts';
import type { Knowledge } from './observation.ts';

/** How many of something lie under a function, of how many. A call lies under it where its attribution says so. */
export interface Part {
  readonly under: number;
  readonly of: number;
}

/** What speaks for one function, by kind of finding: counts of calls and requests, never weights. */
export type Evidence = LoopEvidence | StuckEvidence | GoneEvidence | StallEvidence;

interface FunctionEvidence {
  /**
   * How far what lies under this function is from normal, as a ratio; null where the function has none of its own
   * (normal runs show nothing of the kind under it, or nothing under it can be compared).
   */
  readonly ratio: number | null;
  /** Calls of the profiles made under it. */
  readonly normalCalls: Part;
}

interface LoopEvidence extends FunctionEvidence {
  readonly kind: 'loop';
  /** Calls of the loop. */
  readonly calls: Part;
}

interface StuckEvidence extends FunctionEvidence {
  readonly kind: 'stuck';
  /** Calls that do not return, and calls made right before them. */
  readonly stuck: Part;
  readonly leading: Part;
}

interface GoneEvidence extends FunctionEvidence {
  readonly kind: 'gone';
}

interface StallEvidence extends FunctionEvidence {
  readonly kind: 'stall';
  /** Slow requests received or answered under it, calls that waited within them, calls at places that are busier. */
  readonly requests: Part;
  readonly waits: Part;
  readonly busier: Part;
}

export function evidenceFor(
  fn: number,
  finding: Finding,
  calls: Calls,
  { normal, attribution, functions: { paths } }: Knowledge,
): Evidence {
  const isUnderContext = (context: number) => paths[context]?.includes(fn) === true;
  const isUnder = (row: number) => isUnderContext(attribution.contexts[row] as number);
  const normalCalls = normalPart(normal, isUnderContext);
  switch (finding.kind) {
    case 'loop':
      return {
        kind: 'loop',
        calls: partOf(finding.calls.rows, isUnder),
        ratio: loopRatio(finding, calls, normal, isUnder, isUnderContext),
        normalCalls,
      };
    case 'stuck':
      return { kind: 'stuck', ...stuckParts(finding, isUnder), normalCalls };
    case 'gone':
      // A silence lies under no function: its ratio is the thread's.
      return { kind: 'gone', ratio: null, normalCalls };
    case 'stall':
      return { kind: 'stall', ...stallParts(finding, isUnder), normalCalls };
  }
}

function partOf(rows: Iterable<number>, isUnder: (row: number) => boolean): Part {
  let under = 0;
  let of = 0;
  for (const row of rows) {
    of++;
    if (isUnder(row)) under++;
  }
  return { under, of };
}

function normalPart({ states }: Normal, isUnder: (context: number) => boolean): Part {
  let under = 0;
  let of = 0;
  for (let state = 0; state < states.length; state++) {
    const calls = states.calls[state] as number;
    of += calls;
    if (isUnder(states.context[state] as number)) under += calls;
  }
  return { under, of };
}

/**
 * Calls of the loop's symbols under the function a second since the onset, against the higher of the same before it
 * and in the profiles on average.
 */
function loopRatio(
  finding: LoopFinding,
  { trace, column }: Calls,
  { states, symbols, profiledSeconds }: Normal,
  isUnder: (row: number) => boolean,
  isUnderContext: (context: number) => boolean,
): number | null {
  const looping = new Set(finding.symbols);
  const names = new Set(finding.symbols.map((symbol) => column.symbols[symbol]));
  let before = 0;
  for (let row = 0; row < trace.length && (trace.enterNs[row] as number) < finding.onsetNs; row++)
    if (looping.has(column.ids[row] as number) && isUnder(row)) before++;
  let profiled = 0;
  for (let state = 0; state < states.length; state++) {
    if (!names.has(symbols[states.symbol[state] as number])) continue;
    if (isUnderContext(states.context[state] as number)) profiled += states.calls[state] as number;
  }
  const normal = Math.max(perSecond(before, finding.onsetNs), perSecond(profiled, profiledSeconds * 1e9));
  if (normal === 0) return null;
  const { under } = partOf(finding.calls.rows, isUnder);
  return perSecond(under, trace.window.endNs - finding.onsetNs) / normal;
}

function perSecond(count: number, overNs: number): number {
  return count === 0 || overNs <= 0 ? 0 : count / (overNs / 1e9);
}

function stuckParts(finding: StuckFinding, isUnder: (row: number) => boolean) {
  const rows = new Set(finding.stuck.map(({ row }) => row));
  const ratios = finding.stuck.filter(({ row }) => isUnder(row)).map(({ ratio }) => ratio);
  return {
    stuck: { under: ratios.length, of: rows.size },
    leading: partOf(
      [...finding.calls.rows].filter((row) => !rows.has(row)),
      isUnder,
    ),
    ratio: ratios.length === 0 ? null : Math.max(...ratios),
  };
}

function stallParts(finding: StallFinding, isUnder: (row: number) => boolean) {
  const own = finding.slow.filter(
    ({ received, answered }) => isUnder(received) || (answered >= 0 && isUnder(answered)),
  );
  return {
    requests: { under: own.length, of: finding.slow.length },
    waits: partOf(new Set(finding.waits), isUnder),
    busier: partOf(new Set(finding.busier), isUnder),
    ratio: median(own.map(({ ratio }) => ratio)),
  };
}

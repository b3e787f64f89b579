/**
 * Every number of a report, counted a second time from the trace: plain loops over plain objects, which share with the
 * method only what is no number (the place of each call, which calls make a unit, which units a cluster).
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { callsOf } from '../../calls/calls.ts';
import { readSignatureFile } from '../../cli/signature-input.ts';
import { attributeCalls } from '../../inference/attribute.ts';
import { callModel } from '../../inference/call-model.ts';
import type { Finding } from '../../inference/finding.ts';
import { type Inference, infer } from '../../inference/infer.ts';
import type { Report } from '../../report/report.ts';
import { writeReport } from '../../report/write-report.ts';
import { mine } from '../../signatures/mine.ts';
import { normalOf } from '../../signatures/normal.ts';
import type { SignatureSet } from '../../signatures/signature-set.ts';
import { readTraceFile } from '../../trace/read-trace-file.ts';
import type { Trace } from '../../trace/trace.ts';
import {
  busier,
  END_NS,
  healthy,
  slow,
  spinning,
  stuck,
  switchesAfterOnset,
  vanished,
} from '../inference/incidents.ts';
import { sampleSignatures } from '../inference/sample-service.ts';
import { type ScriptedCall, scriptedTrace } from '../trace/scripted-trace.ts';

interface PlainCall {
  readonly thread: number;
  readonly name: string;
  readonly symbol: string;
  readonly enter: number;
  readonly returned: number;
  /** Functions that it was made under, by the attribution. */
  readonly path: ReadonlySet<string>;
}

interface PlainState {
  readonly path: ReadonlySet<string>;
  readonly symbol: string;
  readonly calls: number;
}

function plainCalls(trace: Trace, set: SignatureSet | null): PlainCall[] {
  const calls = callsOf(trace);
  const contexts = set === null ? null : attributeCalls(calls, callModel(normalOf(set))).contexts;
  return Array.from({ length: trace.length }, (_, row) => ({
    thread: trace.thread[row] as number,
    name: trace.callNames[trace.call[row] as number] as string,
    symbol: calls.column.symbols[calls.column.ids[row] as number] as string,
    enter: trace.enterNs[row] as number,
    returned: (trace.enterNs[row] as number) + (trace.durationNs[row] as number),
    path: set === null || contexts === null ? new Set<string>() : pathOf(set, contexts[row] as number),
  }));
}

function pathOf(set: SignatureSet, context: number): Set<string> {
  const path = new Set<string>();
  for (let at = context; at > 0; at = set.contexts[at]?.[0] ?? 0)
    path.add(nameOf(set, set.contexts[at]?.[1] ?? -1));
  return path;
}

const nameOf = (set: SignatureSet, fn: number) =>
  `${set.functions[fn]?.name ?? ''} in ${set.functions[fn]?.object ?? ''}`;

const plainStates = (set: SignatureSet): PlainState[] =>
  set.states.map(([context, symbol, calls]) => ({
    path: pathOf(set, context),
    symbol: set.symbols[symbol] as string,
    calls,
  }));

/** Six digits, as the report has them. */
const six = (value: number) => Number(value.toPrecision(6));
/** Whole numbers in a text, their thousands' commas dropped: `7,735 of 206,192` gives 7735 and 206192. */
const pairs = (text: string) =>
  [...text.matchAll(/([\d,]+) of ([\d,]+)/g)].map(([, a = '', b = '']) => [
    Number(a.replaceAll(',', '')),
    Number(b.replaceAll(',', '')),
  ]);
const share = (text: string) => [...text.matchAll(/\(([\d.]+) %\)/g)].map(([, value]) => Number(value));

function expectRecounted(trace: Trace, set: SignatureSet | null, inference: Inference, report: Report): void {
  const calls = plainCalls(trace, set);
  expectWindow(trace, calls, report);
  const { finding } = inference;
  if (finding === null) {
    expect(report.onset).toBeNull();
    return;
  }
  expect(report.onset).toBe(trace.window.startSeconds + finding.onsetNs / 1e9);
  expectSummary(calls, finding, trace, report);
  if (set !== null) expectSuspects(calls, finding, set, trace, report);
  expectUnits(calls, inference, report);
  expectClusters(inference, trace, report);
  expectPath(calls, trace, report);
}

function expectWindow(trace: Trace, calls: readonly PlainCall[], report: Report): void {
  expect(report.window.calls).toBe(calls.length);
  expect(report.window.threads).toBe(trace.threads.length);
  expect(report.window.end - report.window.start).toBeCloseTo(trace.window.endNs / 1e9, 6);
  expect(report.window.lost).toBe(trace.losses.reduce((sum, { events }) => sum + events, 0));
}

/** The one figure that each kind of summary rests on. */
function expectSummary(
  calls: readonly PlainCall[],
  finding: Finding,
  trace: Trace,
  { summary }: Report,
): void {
  const since = (trace.window.endNs - finding.onsetNs) / 1e9;
  const span =
    finding.onsetNs > 0
      ? `for the last ${shown(since)} of the window`
      : `in all ${shown(since)} of the window`;
  expect(summary).toContain(span);
  switch (finding.kind) {
    case 'loop': {
      const [, leader = '', rate = '', most = '0'] =
        /: (\S+) is repeated ([\d.,]+) times a second \((?:normally at most ([\d.,]+)|never)/.exec(summary) ??
        [];
      const threads = new Set(finding.threads);
      const own = calls.filter(
        (call) => call.symbol === leader && threads.has(call.thread) && call.enter >= finding.onsetNs,
      );
      expectShown(own.length / since, rate);
      const before = calls.filter((call) => call.symbol === leader && call.enter < finding.onsetNs).length;
      // The rate before is taken in whole bins; none is none.
      if (most === '0') expect(before).toBeLessThan(20);
      else expect(Number(most.replaceAll(',', ''))).toBeGreaterThan(0);
      return;
    }
    case 'stuck': {
      const open = calls.filter(
        (call) => call.returned === Number.POSITIVE_INFINITY && finding.threads.includes(call.thread),
      );
      const oldest = open.reduce((a, b) => (b.enter < a.enter ? b : a));
      expect(summary).toContain(`${oldest.name}`);
      expect(summary).toContain(`for ${shown((trace.window.endNs - oldest.enter) / 1e9)} (`);
      if (finding.stuck.length > 1) expect(summary).toContain(`${finding.stuck.length} threads`);
      return;
    }
    case 'gone': {
      const [thread] = finding.threads;
      const last = calls.filter((call) => call.thread === thread).at(-1) as PlainCall;
      expect(summary).toContain(
        `for ${shown((trace.window.endNs - last.returned) / 1e9)} after ${last.symbol}`,
      );
      return;
    }
    case 'stall': {
      const [[slowRequests, all] = []] = pairs(summary);
      expect(slowRequests).toBe(finding.slow.length);
      const longest = finding.slow.map(({ received, answered }) => {
        const from = calls[received]?.returned ?? 0;
        return (answered < 0 ? trace.window.endNs : (calls[answered]?.enter ?? 0)) - from;
      });
      expect(summary).toContain(`up to ${shown(Math.max(...longest) / 1e9)},`);
      expect(all).toBeGreaterThanOrEqual(slowRequests ?? 0);
    }
  }
}

/** Seconds as the report shows them (figures.ts), by plain arithmetic. */
function shown(seconds: number): string {
  if (seconds >= 120) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  const [value, unit] =
    seconds >= 1 ? [seconds, 's'] : seconds >= 1e-3 ? [seconds * 1e3, 'ms'] : [seconds * 1e6, 'µs'];
  return `${value >= 100 ? Math.round(value) : Number(value.toPrecision(value >= 10 ? 3 : 2))} ${unit}`;
}

/** A shown figure has two or three digits. */
function expectShown(value: number, text: string): void {
  expect(Math.abs(Number(text.replaceAll(',', '')) / value - 1)).toBeLessThan(0.05);
}

function expectSuspects(
  calls: readonly PlainCall[],
  finding: Finding,
  set: SignatureSet,
  trace: Trace,
  report: Report,
): void {
  const states = plainStates(set);
  const profiled = states.reduce((sum, state) => sum + state.calls, 0);
  for (const suspect of report.suspects) {
    const name = `${suspect.function} in ${suspect.object}`;
    const under = (rows: Iterable<number>) => [...rows].filter((row) => calls[row]?.path.has(name)).length;
    const usual = states.filter(({ path }) => path.has(name)).reduce((sum, state) => sum + state.calls, 0);
    const counted = pairs(suspect.evidence);
    expect(counted.at(-1)).toEqual([usual, profiled]);
    for (const [i, [part = 0, whole = 0]] of counted.entries())
      expect(Math.abs((share(suspect.evidence)[i] ?? 0) - (100 * part) / Math.max(1, whole))).toBeLessThan(
        0.51,
      );
    switch (finding.kind) {
      case 'loop': {
        const repeated = new Set(finding.symbols.map((id) => callsOf(trace).column.symbols[id]));
        const threads = new Set(finding.threads);
        const loop = calls.filter(
          (call) => call.enter >= finding.onsetNs && repeated.has(call.symbol) && threads.has(call.thread),
        );
        const own = loop.filter(({ path }) => path.has(name)).length;
        expect(counted[0]).toEqual([own, loop.length]);
        const before = calls.filter(
          (call) => call.enter < finding.onsetNs && repeated.has(call.symbol) && call.path.has(name),
        ).length;
        const normal = states
          .filter(({ symbol, path }) => repeated.has(symbol) && path.has(name))
          .reduce((sum, state) => sum + state.calls, 0);
        const seconds = set.profiles.reduce((sum, profile) => sum + profile.seconds, 0);
        const rate = Math.max(
          finding.onsetNs > 0 ? before / (finding.onsetNs / 1e9) : 0,
          normal === 0 ? 0 : normal / seconds,
        );
        expect(suspect.abnormality).toBe(
          rate === 0 ? null : six(own / ((trace.window.endNs - finding.onsetNs) / 1e9) / rate),
        );
        break;
      }
      case 'stuck': {
        const open = finding.stuck.map(({ row }) => row);
        if (under(open) > 0 && open.length > 1) expect(counted[0]).toEqual([under(open), open.length]);
        expect(suspect.abnormality === null).toBe(under(open) === 0);
        break;
      }
      case 'gone':
        expect(suspect.abnormality).toBeNull();
        break;
      case 'stall': {
        const requests = finding.slow.filter(
          ({ received, answered }) => calls[received]?.path.has(name) || calls[answered]?.path.has(name),
        );
        const expected = [
          [requests.length, finding.slow.length],
          [under(new Set(finding.waits)), new Set(finding.waits).size],
          [under(new Set(finding.busier)), new Set(finding.busier).size],
        ].filter(([part]) => part !== 0);
        expect(counted.slice(0, -1)).toEqual(expected);
        const ratios = requests.map(({ ratio }) => ratio).sort((a, b) => a - b);
        const middle = ratios[ratios.length >> 1];
        expect(suspect.abnormality).toBe(middle === undefined ? null : six(middle));
      }
    }
  }
}

function expectUnits(calls: readonly PlainCall[], { units }: Inference, report: Report): void {
  const start = report.window.start;
  for (const unit of report.units) {
    const own = [...units.rows.subarray(units.from[unit.id], units.to[unit.id])].map(
      (row) => calls[row] as PlainCall,
    );
    const [first] = own;
    const last = own.at(-1);
    if (first === undefined || last === undefined) throw new Error(`unit ${unit.id} holds no call`);
    expect(unit.calls).toBe(own.length);
    // The wait in a dispatch call is no part of the unit.
    expect([start + first.enter / 1e9, start + first.returned / 1e9]).toContain(unit.start);
    if (last.returned === Number.POSITIVE_INFINITY) expect(unit.duration).toBeNull();
    else expect(unit.duration).toBeCloseTo(Math.max(0, start + last.returned / 1e9 - unit.start), 6);
  }
}

function expectClusters({ units, clusters, finding }: Inference, trace: Trace, report: Report): void {
  const onset = finding?.onsetNs ?? Number.POSITIVE_INFINITY;
  for (const cluster of report.clusters) {
    const members = Array.from({ length: units.length }, (_, unit) => unit).filter(
      (unit) => clusters.of[unit] === cluster.id,
    );
    const began = members.map((unit) => units.startNs[unit] as number);
    const before = began.filter((at) => at < onset).length;
    expect(cluster.units).toBe(members.length);
    expect(cluster.abnormalUnits).toBe(report.units.filter((unit) => unit.cluster === cluster.id).length);
    if (cluster.ratePerSecondBefore !== null)
      expect(cluster.ratePerSecondBefore).toBe(six(before / (onset / 1e9)));
    if (cluster.ratePerSecondAfter !== null)
      expect(cluster.ratePerSecondAfter).toBe(
        six((members.length - before) / ((trace.window.endNs - onset) / 1e9)),
      );
    const ended = members
      .map((unit) => units.durationNs[unit] as number)
      .filter(Number.isFinite)
      .sort((a, b) => a - b);
    expect(cluster.medianDuration).toBe(six((ended[ended.length >> 1] ?? 0) / 1e9));
  }
}

/** Each step's calls stand in the trace, at that time, on that thread, so many times in a row. */
function expectPath(calls: readonly PlainCall[], trace: Trace, report: Report): void {
  for (const step of report.path) {
    const thread = trace.threads.findIndex(
      ({ pid, tid }) => pid === step.thread.pid && tid === step.thread.tid,
    );
    const own = calls.filter((call) => call.thread === thread);
    const begins = own.flatMap((call, i) =>
      report.window.start + call.enter / 1e9 === step.time ? [i] : [],
    );
    const length = step.calls.length * step.repeat;
    const matching = begins.filter((begin) =>
      own
        .slice(begin, begin + length)
        .every(
          ({ symbol }, i) =>
            step.calls[i % step.calls.length] === symbol.replace('=', '→').replace('?', '→…'),
        ),
    );
    expect(matching.length).toBeGreaterThan(0);
    const ends = matching.map((begin) => own[begin + length - 1]?.returned ?? Number.NaN);
    const duration = step.duration;
    if (duration === null) expect(ends).toContain(Number.POSITIVE_INFINITY);
    else
      expect(
        ends.some((end) => Math.abs(report.window.start + end / 1e9 - step.time - duration) < 1e-6),
      ).toBe(true);
  }
}

/** The case's own set, or one mined from its profiles. */
async function signaturesOf(folder: string): Promise<SignatureSet> {
  const names = readdirSync(folder);
  if (names.includes('signatures.json.gz')) return readSignatureFile(join(folder, 'signatures.json.gz'));
  const profiles = names.filter((file) => file.startsWith('profile-')).sort();
  const read = async (name: string) => ({
    name,
    trace: await readTraceFile(join(folder, name), { stacks: true }),
  });
  return mine(await Promise.all(profiles.map(read)), { service: 'recounted' });
}

const kinds: Record<string, (seed: number) => ScriptedCall[]> = {
  healthy,
  spinning,
  stuck,
  slow,
  vanished,
  busier,
};

describe('every number of a report can be counted again', () => {
  let set: SignatureSet;
  beforeAll(async () => {
    set = await sampleSignatures();
  });

  it.each(Object.keys(kinds))('in the sample service: %s', (kind) => {
    const traceOf = kinds[kind] as (seed: number) => ScriptedCall[];
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), fc.boolean(), (seed, signed) => {
        const trace = scriptedTrace(traceOf(seed), { endNs: END_NS, switches: switchesAfterOnset(true) });
        const signatures = signed ? set : null;
        const inference = infer(trace, signatures);
        expectRecounted(trace, signatures, inference, writeReport(inference));
      }),
      { numRuns: 6 },
    );
  });

  it.each(['lighttpd-scgi-write-spin', 'pino-log-spin', 'spoold-held-messages'])(
    'in a recorded case: %s',
    async (name) => {
      const folder = join(import.meta.dirname, '../../examples', name);
      const signatures = await signaturesOf(folder);
      const trace = await readTraceFile(join(folder, 'production.perf-script.gz'));
      const inference = infer(trace, signatures);
      const report = writeReport(inference);
      expect(report.suspects.length).toBeGreaterThan(0);
      expectRecounted(trace, signatures, inference, report);
    },
  );
});

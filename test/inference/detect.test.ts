import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { callsOf } from '../../calls/calls.ts';
import { attributeCalls } from '../../inference/attribute.ts';
import { callModel } from '../../inference/call-model.ts';
import { detectGone } from '../../inference/detect-gone.ts';
import { detectLoop } from '../../inference/detect-loop.ts';
import { detectStall, mostlyWithin } from '../../inference/detect-stall.ts';
import { detectStuck } from '../../inference/detect-stuck.ts';
import { diagnose } from '../../inference/diagnose.ts';
import type { Finding, GoneFinding, LoopFinding, StuckFinding } from '../../inference/finding.ts';
import { type Observation, observe } from '../../inference/observation.ts';
import { normalOf } from '../../signatures/normal.ts';
import type { SignatureSet } from '../../signatures/signature-set.ts';
import { OPEN, type Trace } from '../../trace/trace.ts';
import { type ScriptedCall, type ScriptedWindow, scriptedTrace } from '../trace/scripted-trace.ts';
import {
  busier,
  END_NS,
  healthy,
  ONSET_NS,
  slow,
  spinning,
  stuck,
  switchesAfterOnset,
  vanished,
} from './incidents.ts';
import { randomNumbers, sampleSignatures, serve, withoutStacks } from './sample-service.ts';

let set: SignatureSet;
beforeAll(async () => {
  set = await sampleSignatures();
});

function observation(trace: Trace, signatures: SignatureSet | null = set): Observation {
  const calls = callsOf(trace);
  if (signatures === null) return observe(calls, null, null);
  const model = callModel(normalOf(signatures));
  return observe(calls, model, attributeCalls(calls, model));
}

function observed(calls: readonly ScriptedCall[], window: ScriptedWindow = { endNs: END_NS }): Observation {
  return observation(scriptedTrace(calls, window));
}

const detectors = [detectLoop, detectStuck, detectGone, detectStall];

/** What every finding promises (finding.ts). */
function expectSound(finding: Finding, { calls: { trace } }: Observation): void {
  const { rows, weights } = finding.calls;
  expect(rows.length).toBeGreaterThan(0);
  expect(weights.length).toBe(rows.length);
  expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 6);
  expect(weights.every((weight) => weight >= 0)).toBe(true);
  expect(rows.every((row) => row < trace.length)).toBe(true);
  expect(finding.abnormality).toBeGreaterThan(1);
  expect(Number.isFinite(finding.abnormality)).toBe(true);
  expect(finding.threads.length).toBeGreaterThan(0);
  expect(finding.threads.every((thread) => thread < trace.threads.length)).toBe(true);
}

describe('a healthy trace', () => {
  it.each([11, 12, 13])('shows no detector anything (run %i)', (seed) => {
    const normal = observed(healthy(seed), {});
    for (const detect of detectors) expect(detect(normal)).toBeNull();
    expect(diagnose(normal)).toEqual({ verdict: 'normal', confidence: 'high', finding: null });
  });

  it('is normal without signatures too', () => {
    expect(diagnose(observation(scriptedTrace(healthy(14)), null)).verdict).toBe('normal');
  });

  it('is called normal with low confidence where it holds few calls', () => {
    const { verdict, confidence } = diagnose(observed(healthy(15).slice(0, 50), {}));
    expect([verdict, confidence]).toEqual(['normal', 'low']);
  });
});

describe('detectLoop', () => {
  it.each([21, 22, 23])('finds a spin and when it began (run %i)', (seed) => {
    const spin = observed(spinning(seed));
    const finding = detectLoop(spin) as LoopFinding;
    expectSound(finding, spin);
    expect(finding.kind).toBe('loop');
    expect(Math.abs(finding.onsetNs - ONSET_NS)).toBeLessThan(0.3e9);
    expect(spin.calls.column.symbols[finding.leader]).toBe('write=EAGAIN');
    expect(finding.endless).toBe(true);
    expect(finding.normalPerSecond).toBe(0);
    expect(diagnose(spin).verdict).toBe('spin');
  });

  it('finds it without signatures too, against the time before', () => {
    const spin = observation(scriptedTrace(spinning(24), { endNs: END_NS }), null);
    expect(detectLoop(spin)?.kind).toBe('loop');
  });

  it('takes more requests of the same mix for load, not for a loop', () => {
    expect(detectLoop(observed(busier(25)))).toBeNull();
    expect(detectLoop(observation(scriptedTrace(busier(26)), null))).toBeNull();
  });

  it('takes a burst that ends for none', () => {
    const burst = spinning(27, ONSET_NS + 1e9);
    const after = withoutStacks(serve(ONSET_NS + 1e9, 450, randomNumbers(28)));
    expect(detectLoop(observed([...burst, ...after]))).toBeNull();
  });

  it('counts only calls since the onset as evidence', () => {
    const spin = observed(spinning(29));
    const finding = detectLoop(spin) as Finding;
    expect(
      finding.calls.rows.every((row) => (spin.calls.trace.enterNs[row] as number) >= finding.onsetNs),
    ).toBe(true);
  });
});

describe('detectStuck', () => {
  it('finds a call that does not return, since it was made', () => {
    const hang = observed(stuck(31));
    const finding = detectStuck(hang) as StuckFinding;
    expectSound(finding, hang);
    expect(finding.onsetNs).toBe(ONSET_NS + 60_000);
    const { trace } = hang.calls;
    expect(finding.stuck.map(({ row }) => trace.callNames[trace.call[row] as number])).toEqual(['fsync']);
    expect(finding.stuck[0]?.openNs).toBe(END_NS - ONSET_NS - 60_000);
    expect(diagnose(hang).verdict).toBe('hang');
  });

  it('passes over a thread that waits for work, however long', () => {
    const idle = [
      ...withoutStacks(serve(0, 1_000, randomNumbers(32))),
      { call: 'epoll_wait', at: ONSET_NS, duration: OPEN },
    ];
    expect(detectStuck(observed(idle))).toBeNull();
  });

  it('passes over a call that took as long before', () => {
    const calls = [
      ...withoutStacks(serve(0, 400, randomNumbers(33))),
      { call: 'fsync', at: 8.5e9, duration: 9e9, result: 0 },
      { call: 'fsync', at: ONSET_NS, duration: OPEN },
    ];
    expect(detectStuck(observed(calls))).toBeNull();
  });

  it('passes over a thread that ended', () => {
    const ended = [
      ...withoutStacks(serve(0, 1_000, randomNumbers(34))),
      { call: 'exit', at: ONSET_NS, duration: OPEN },
    ];
    expect(detectStuck(observed(ended))).toBeNull();
    expect(detectGone(observed(ended))).toBeNull();
  });

  it('names how many threads hang, and since the first of them', () => {
    const second = withoutStacks(serve(0, 1_000, randomNumbers(35), 1));
    const hang = observed([
      ...stuck(36),
      ...second,
      { thread: 1, call: 'fsync', at: ONSET_NS + 1e9, fd: 9, duration: OPEN },
    ]);
    const finding = detectStuck(hang) as StuckFinding;
    expectSound(finding, hang);
    expect(finding.threads).toEqual([0, 1]);
    expect(finding.onsetNs).toBe(ONSET_NS + 60_000);
    expect(finding.stuck.map(({ thread }) => thread)).toEqual([0, 1]);
  });
});

describe('detectGone', () => {
  it('finds a thread that makes no calls any more and waits in none', () => {
    const silent = observed(vanished(41));
    const finding = detectGone(silent) as GoneFinding;
    expectSound(finding, silent);
    expect(finding.onCpu).toBeNull();
    expect(Math.abs(finding.onsetNs - ONSET_NS)).toBeLessThan(1e6);
    expect(diagnose(silent).verdict).toBe('hang');
  });

  it('tells by the context switches whether it burns CPU', () => {
    const burning = observed(vanished(42), { endNs: END_NS, switches: switchesAfterOnset(true) });
    expect(detectGone(burning)?.onCpu).toBe(true);
    expect(diagnose(burning).verdict).toBe('spin');
    const asleep = observed(vanished(43), { endNs: END_NS, switches: switchesAfterOnset(false) });
    expect(detectGone(asleep)?.onCpu).toBe(false);
    expect(diagnose(asleep).verdict).toBe('hang');
  });

  it('passes over silence that is usual for the thread', () => {
    const pauses = [0, 6, 12, 18].flatMap((second) =>
      withoutStacks(serve(second * 1e9, 20, randomNumbers(second))),
    );
    expect(detectGone(observed(pauses, { endNs: 24e9 }))).toBeNull();
  });
});

describe('detectStall', () => {
  it('finds slow answers and when they began', () => {
    const late = observed(slow(51));
    const finding = detectStall(late) as Finding;
    expectSound(finding, late);
    expect(Math.abs(finding.onsetNs - ONSET_NS)).toBeLessThan(1e9);
    expect(diagnose(late).verdict).toBe('slowdown');
  });

  it('holds the calls that last within the slow requests against them', () => {
    const late = observed(slow(52));
    const { trace } = late.calls;
    const { rows, weights } = (detectStall(late) as Finding).calls;
    const weightOf = new Map<string, number>();
    for (const [i, row] of rows.entries()) {
      const name = trace.callNames[trace.call[row] as number] as string;
      weightOf.set(name, (weightOf.get(name) ?? 0) + (weights[i] as number));
    }
    expect(weightOf.get('fsync')).toBeGreaterThan(weightOf.get('rename') ?? 0);
  });

  it('has no yardstick without signatures', () => {
    expect(detectStall(observation(scriptedTrace(slow(53), { endNs: END_NS }), null))).toBeNull();
  });
});

describe('mostlyWithin', () => {
  it('tells whether one span holds at least half of a time', () => {
    const span = fc.tuple(fc.nat(50), fc.nat(50)).map(([from, length]) => ({ from, to: from + length }));
    const time = fc.tuple(fc.nat(80), fc.integer({ min: 1, max: 40 }));
    fc.assert(
      fc.property(fc.array(span, { maxLength: 8 }), time, (spans, [from, length]) => {
        const to = from + length;
        expect(mostlyWithin(spans)(from, to)).toBe(
          spans.some((held) => Math.min(to, held.to) - Math.max(from, held.from) >= length / 2),
        );
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('every detector', () => {
  it.each([
    ['an empty trace', []],
    ['one call', [{ call: 'read', at: 0 }]],
    ['one open call', [{ call: 'read', at: 0, duration: OPEN }]],
    [
      'calls that all begin at once',
      Array.from({ length: 500 }, () => ({ call: 'read', at: 0, duration: 0 })),
    ],
    [
      'threads with one open call each',
      Array.from({ length: 500 }, (_, thread) => ({ thread, call: 'futex', at: thread, duration: OPEN })),
    ],
    ['one symbol for ever', Array.from({ length: 5_000 }, (_, i) => ({ call: 'read', at: i * 1e6 }))],
  ] satisfies [string, ScriptedCall[]][])('finds nothing or a sound finding in %s', (_, calls) => {
    for (const signatures of [set, null]) {
      const any = observation(scriptedTrace(calls), signatures);
      for (const detect of detectors) {
        const finding = detect(any);
        if (finding !== null) expectSound(finding, any);
      }
    }
  });
});

import { beforeAll, describe, expect, it } from 'vitest';
import { infer } from '../../inference/infer.ts';
import type { SignatureSet } from '../../signatures/signature-set.ts';
import { OPEN } from '../../trace/trace.ts';
import { type ScriptedCall, scriptedTrace } from '../trace/scripted-trace.ts';
import { END_NS, healthy, ONSET_NS, spinning, stuck, vanished } from './incidents.ts';
import { randomNumbers, sampleSignatures, serve, withoutStacks } from './sample-service.ts';

let set: SignatureSet;
beforeAll(async () => {
  set = await sampleSignatures();
});

const diagnosed = (calls: readonly ScriptedCall[], signatures: SignatureSet | null = set) =>
  infer(scriptedTrace(calls, { endNs: END_NS }), signatures);

/** A second worker that hangs in an fsync from some moment on. */
function hangsSince(atNs: number, seed: number): ScriptedCall[] {
  const before = withoutStacks(serve(0, 1_400, randomNumbers(seed), 1)).filter(({ at }) => at < atNs);
  return [...before, { thread: 1, call: 'fsync', at: atNs, fd: 9, duration: OPEN }];
}

describe('where several things are abnormal', () => {
  it('the first to begin is the cause: a hang long before a spin', () => {
    const { verdict, finding } = diagnosed([...spinning(71), ...hangsSince(ONSET_NS - 5e9, 72)]);
    expect([verdict, finding?.kind]).toEqual(['hang', 'stuck']);
    expect(finding?.onsetNs).toBe(ONSET_NS - 5e9);
  });

  it('the first to begin is the cause: a spin long before a hang', () => {
    const { verdict, finding } = diagnosed([...spinning(73), ...hangsSince(ONSET_NS + 5e9, 74)]);
    expect([verdict, finding?.kind]).toEqual(['spin', 'loop']);
  });

  it('a spin that begins with a hang, give or take half a second, makes the others wait', () => {
    const { finding } = diagnosed([...spinning(75), ...hangsSince(ONSET_NS - 0.2e9, 76)]);
    expect(finding?.kind).toBe('loop');
    expect(diagnosed([...spinning(75), ...hangsSince(ONSET_NS - 0.8e9, 76)]).finding?.kind).toBe('stuck');
  });
});

describe('how sure a verdict is', () => {
  it('is beyond doubt from ten times normal on, and medium below', () => {
    // The service's fsync takes a microsecond: 50 ms are the least that counts as long, a third of it as normal.
    expect(diagnosed(stuck(77)).confidence).toBe('high');
    const short = [...withoutStacks(serve(0, 1_500, randomNumbers(78)))].filter(
      ({ at }) => at < END_NS - 0.1e9,
    );
    const late = diagnosed([...short, { call: 'fsync', at: END_NS - 0.1e9, fd: 9, duration: OPEN }]);
    expect([late.verdict, late.confidence]).toEqual(['hang', 'medium']);
  });

  it('is medium for a thread that is gone, and low for its suspects', () => {
    const { confidence, suspects } = diagnosed(vanished(79));
    expect(confidence).toBe('medium');
    expect(suspects.length).toBeGreaterThan(0);
    expect(new Set(suspects.map((suspect) => suspect.confidence))).toEqual(new Set(['low']));
  });

  it('is high for normal only with signatures, calls enough, and nothing that they never show', () => {
    const normal = healthy(80);
    expect(diagnosed(normal)).toMatchObject({ verdict: 'normal', confidence: 'high' });
    expect(diagnosed(normal, null)).toMatchObject({ verdict: 'normal', confidence: 'medium' });
    // Of a window that ends with them: a thread that falls silent is another matter.
    const first = (calls: number) => infer(scriptedTrace(normal.slice(0, calls)), set);
    expect(first(199)).toMatchObject({ verdict: 'normal', confidence: 'low' });
    expect(first(200)).toMatchObject({ verdict: 'normal', confidence: 'high' });
    const news = Array.from({ length: 31 }, (_, i) => ({ call: 'uname', at: (i + 0.5) * 0.9e9, result: 0 }));
    expect(diagnosed([...normal, ...news])).toMatchObject({ verdict: 'normal', confidence: 'medium' });
    expect(diagnosed([...normal, ...news.slice(0, 10)]).confidence).toBe('high');
  });
});

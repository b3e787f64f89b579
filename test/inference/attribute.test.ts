import { beforeAll, describe, expect, it } from 'vitest';
import { callsOf } from '../../calls/calls.ts';
import { type Attribution, attributeCalls, NO_STATE } from '../../inference/attribute.ts';
import { attributeByStack, hasStacks } from '../../inference/attribute-by-stack.ts';
import { callModel } from '../../inference/call-model.ts';
import { normalOf } from '../../signatures/normal.ts';
import type { SignatureSet } from '../../signatures/signature-set.ts';
import type { Trace } from '../../trace/trace.ts';
import { type ScriptedCall, scriptedTrace } from '../trace/scripted-trace.ts';
import { randomNumbers, sampleSignatures, serve, withoutStacks } from './sample-service.ts';

/** Names of a context's functions, outermost first. */
function pathOf(set: SignatureSet, context: number): string[] {
  const [parent, fn] = set.contexts[context] as [number, number];
  return parent < 0 ? [] : [...pathOf(set, parent), set.functions[fn]?.name ?? ''];
}

function attribute(trace: Trace, set: SignatureSet): Attribution {
  return attributeCalls(callsOf(trace), callModel(normalOf(set)));
}

/** Share of the calls that were put exactly under the functions they were made under. */
function recovered(calls: readonly ScriptedCall[], { contexts }: Attribution, set: SignatureSet): number {
  const right = calls.filter(
    ({ stack }, row) => pathOf(set, contexts[row] as number).join() === (stack ?? []).join(),
  );
  return right.length / calls.length;
}

describe('attributeCalls', () => {
  let set: SignatureSet;
  beforeAll(async () => {
    set = await sampleSignatures();
  });

  it('finds the functions that calls were made under, from their order alone', () => {
    const calls = serve(0, 400, randomNumbers(3));
    const trace = scriptedTrace(withoutStacks(calls));
    expect(recovered(calls, attribute(trace, set), set)).toBeGreaterThan(0.95);
  });

  it('tells two threads apart that work at the same time', () => {
    const calls = [...serve(0, 200, randomNumbers(4)), ...serve(3_333, 200, randomNumbers(5), 1)];
    const trace = scriptedTrace(withoutStacks(calls));
    const sorted = calls.toSorted((a, b) => a.at - b.at);
    expect(recovered(sorted, attribute(trace, set), set)).toBeGreaterThan(0.9);
  });

  it('leaves a call that no profile shows in the context where the thread was', () => {
    const calls = serve(0, 100, randomNumbers(6));
    const at = calls.findIndex(({ call, stack }) => call === 'fsync' && stack?.at(-1) === 'save_parts');
    const novel = { call: 'fallocate', at: (calls[at]?.at ?? 0) + 1, duration: 10 };
    const trace = scriptedTrace(withoutStacks([...calls, novel]));
    const row = trace.enterNs.indexOf(novel.at);
    const { states, contexts } = attribute(trace, set);
    expect(states[row]).toBe(NO_STATE);
    expect(contexts[row]).toBe(contexts[row - 1]);
    expect(pathOf(set, contexts[row] as number).at(-1)).toBe('save_parts');
  });

  it('puts a call with a result that no profile shows where the call is made otherwise', () => {
    const calls = serve(0, 100, randomNumbers(7));
    const at = calls.findIndex(({ call, stack }) => call === 'write' && stack?.at(-1) === 'save_parts');
    const failing = calls.with(at, { ...(calls[at] as ScriptedCall), result: -28 });
    const { states, contexts } = attribute(scriptedTrace(withoutStacks(failing)), set);
    expect(states[at]).not.toBe(NO_STATE);
    expect(pathOf(set, contexts[at] as number).at(-1)).toBe('save_parts');
  });

  it('keeps a loop that no profile shows in the function that it began in, however long it is', () => {
    const calls = serve(0, 50, randomNumbers(8));
    const last = calls.findLastIndex(({ stack }) => stack?.at(-1) === 'copy_file');
    const before = calls.slice(0, last + 1);
    const from = calls[last]?.at ?? 0;
    const loop = Array.from({ length: 5_000 }, (_, i) => ({
      call: i % 2 === 0 ? 'read' : 'write',
      at: from + 2_000 * (i + 1),
      result: i % 2 === 0 ? 4_096 : -11,
      fd: i % 2 === 0 ? 9 : 7,
    }));
    const trace = scriptedTrace(withoutStacks([...before, ...loop]));
    const { contexts } = attribute(trace, set);
    const inCopy = loop.filter(
      (_, i) => pathOf(set, contexts[before.length + i] as number).at(-1) === 'copy_file',
    );
    expect(inCopy.length / loop.length).toBeGreaterThan(0.95);
  });

  it('knows no place for the calls of a service that has nothing in common with the profiled one', () => {
    const trace = scriptedTrace(Array.from({ length: 100 }, (_, i) => ({ call: `call_${i % 7}`, at: i })));
    const { states, contexts } = attribute(trace, set);
    expect(states.every((state) => state === NO_STATE)).toBe(true);
    expect(contexts.every((context) => context === 0)).toBe(true);
  });

  it('gives an empty trace no places', () => {
    expect(attribute(scriptedTrace([]), set).states.length).toBe(0);
  });
});

describe('attributeByStack', () => {
  it('takes the places from the stacks, up to the first function that the signature set does not know', async () => {
    const set = await sampleSignatures();
    const known = serve(0, 50, randomNumbers(9));
    const at = (known.at(-1)?.at ?? 0) + 1_000;
    const calls = [
      ...known,
      { call: 'fsync', at, stack: ['main', 'event_loop', 'new_in_this_build', 'answer'] },
    ];
    const trace = scriptedTrace(calls);
    const { states, contexts } = attributeByStack(callsOf(trace), callModel(normalOf(set)));
    expect(
      known.every((call, row) => pathOf(set, contexts[row] as number).join() === call.stack?.join()),
    ).toBe(true);
    expect(states.subarray(0, -1).every((state) => state !== NO_STATE)).toBe(true);
    expect(pathOf(set, contexts.at(-1) as number)).toEqual(['main', 'event_loop']);
    expect(states.at(-1)).toBe(NO_STATE);
  });

  it('is used where at least half of the calls have a stack', () => {
    const call = (at: number, stack?: readonly string[]): ScriptedCall => ({
      call: 'read',
      at,
      ...(stack === undefined ? {} : { stack }),
    });
    expect(hasStacks(scriptedTrace([call(0, ['main']), call(1)]))).toBe(true);
    expect(hasStacks(scriptedTrace([call(0, ['main']), call(1), call(2)]))).toBe(false);
    expect(hasStacks(scriptedTrace([call(0)]))).toBe(false);
    expect(hasStacks(scriptedTrace([]))).toBe(false);
  });
});

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeAll, describe, expect, it } from 'vitest';
import { SignatureError } from '../../signatures/errors.ts';
import { mine } from '../../signatures/mine.ts';
import { MINIMUM_SYMBOLIZED } from '../../signatures/profile-calls.ts';
import { type SignatureSet, serializeSignatureSet } from '../../signatures/signature-set.ts';
import { randomNumbers, sampleSignatures, serve, withoutStacks } from '../inference/sample-service.ts';
import { type ScriptedCall, scriptedTrace } from '../trace/scripted-trace.ts';

let set: SignatureSet;
beforeAll(async () => {
  set = await sampleSignatures();
});

const profile = (seed: number) => ({
  name: `run-${seed}`,
  trace: scriptedTrace(serve(0, 200, randomNumbers(seed))),
});
const nameOf = (fn: number) => set.functions[fn]?.name ?? '';

describe('mine', () => {
  it('gives the same bytes for the same profiles', async () => {
    expect(serializeSignatureSet(await sampleSignatures())).toBe(serializeSignatureSet(set));
  });

  it('finds the service’s functions, who calls whom, and how often', () => {
    expect(set.functions.map(({ name }) => name).sort()).toEqual(
      [
        'main event_loop handle_request receive serve_file open_file copy_file store_file create_file',
        'save_parts answer log_time',
      ]
        .join(' ')
        .split(' ')
        .sort(),
    );
    const paths = set.contexts.map(function path([parent, fn]): string {
      return parent <= 0 ? nameOf(fn) : `${path(set.contexts[parent] as [number, number])} ${nameOf(fn)}`;
    });
    expect(paths).toContain('main event_loop handle_request store_file save_parts');
    const calls = set.profiles.reduce((sum, { calls: made }) => sum + made, 0);
    expect(set.states.reduce((sum, [, , count]) => sum + count, 0)).toBe(calls);
    const main = set.signatures.find(({ function: fn }) => nameOf(fn) === 'main');
    expect(main?.calls).toBe(calls);
  });

  it('keeps the episodes that a function shows in many of its invocations', () => {
    const copy = set.signatures.find(({ function: fn }) => nameOf(fn) === 'copy_file');
    const episodes = copy?.episodes.map(([symbols]) => symbols.map((symbol) => set.symbols[symbol]).join());
    expect(episodes).toEqual(expect.arrayContaining(['read,write']));
    expect(copy?.stability).toBeGreaterThan(0.9);
  });

  it('knows no stability from one profile', async () => {
    const one = await mine([profile(1)], { service: 's' });
    expect(one.signatures.every(({ stability }) => stability === null)).toBe(true);
  });

  it('takes profiles one by one, in any number, and names them', async () => {
    async function* profiles() {
      yield profile(1);
      yield profile(2);
      yield profile(3);
    }
    const steps: string[] = [];
    const three = await mine(profiles(), { service: 's', onProgress: (step) => steps.push(step) });
    expect(three.profiles.map(({ name }) => name)).toEqual(['run-1', 'run-2', 'run-3']);
    expect(steps).toContain('mining run-2');
  });

  it('lets the trace of a profile go when it has learned from it', async () => {
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    const seen: WeakRef<object>[] = [];
    const held: number[] = [];
    async function* profiles() {
      for (let seed = 1; seed <= 4; seed++) {
        // A collection keeps what the running turn has looked at.
        await new Promise(setImmediate);
        collect();
        held.push(seen.filter((trace) => trace.deref() !== undefined).length);
        yield remembered(seed);
      }
    }
    const remembered = (seed: number) => {
      const made = profile(seed);
      seen.push(new WeakRef(made.trace.enterNs));
      return made;
    };
    await mine(profiles(), { service: 's' });
    expect(seen).toHaveLength(4);
    expect(Math.max(...held)).toBeLessThanOrEqual(1);
  });

  it('leaves out functions that the user calls a library', async () => {
    const less = await mine([profile(1)], {
      service: 's',
      libraryFrames: { functions: ['^(copy|open)_file$'] },
    });
    const names = less.functions.map(({ name }) => name);
    expect(names).toContain('serve_file');
    expect(names).not.toContain('copy_file');
  });

  it('refuses a profile without stacks, with a remedy', async () => {
    const bare = { name: 'bare', trace: scriptedTrace(withoutStacks(serve(0, 20, randomNumbers(1)))) };
    await expect(mine([bare], { service: 's' })).rejects.toThrow(SignatureError);
    await expect(mine([bare], { service: 's' })).rejects.toThrow(/^bare: no call stacks; .*--call-graph/);
  });

  it('refuses a profile whose stacks have no names, and says how many calls it could place', async () => {
    const calls = serve(0, 20, randomNumbers(1)).map((call) => ({
      ...call,
      stack: ['[unknown]', '[unknown]'],
    }));
    await expect(mine([{ name: 'stripped', trace: scriptedTrace(calls) }], { service: 's' })).rejects.toThrow(
      /^stripped: only 0\.0 % of the calls have a user-defined function .*docs\/profiling\.md/,
    );
  });

  it('takes a profile of which just enough calls could be placed, and refuses one of which fewer could', async () => {
    const placed = (share: number): ScriptedCall[] =>
      Array.from({ length: 1_000 }, (_, at) => ({
        thread: at < share * 1_000 ? 0 : 1,
        call: 'read',
        at,
        stack: at < share * 1_000 ? ['main'] : ['[unknown]'],
      }));
    const at = [{ name: 'at', trace: scriptedTrace(placed(MINIMUM_SYMBOLIZED)) }];
    expect((await mine(at, { service: 's' })).profiles[0]?.symbolized).toBe(MINIMUM_SYMBOLIZED);
    const under = [{ name: 'under', trace: scriptedTrace(placed(MINIMUM_SYMBOLIZED - 0.001)) }];
    await expect(mine(under, { service: 's' })).rejects.toThrow(/^under: only 4\.9 % of the calls/);
  });

  it('refuses to mine nothing', async () => {
    await expect(mine([], { service: 's' })).rejects.toThrow(/no profile given; expected at least one/);
  });
});

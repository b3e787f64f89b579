import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeAll, describe, expect, it } from 'vitest';
import { MAX_SYMBOLS } from '../../calls/symbols.ts';
import { SignatureError } from '../../signatures/errors.ts';
import { mine } from '../../signatures/mine.ts';
import { MINIMUM_SYMBOLIZED } from '../../signatures/profile-calls.ts';
import { type SignatureSet, serializeSignatureSet } from '../../signatures/signature-set.ts';
import { OPEN } from '../../trace/trace.ts';
import { randomNumbers, sampleSignatures, serve, withoutStacks } from '../inference/sample-service.ts';
import { PROGRAM, type ScriptedCall, scriptedTrace } from '../trace/scripted-trace.ts';

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

  it('numbers what two profiles show, and counts and times it over both', async () => {
    const serving = ['main', 'serve'];
    const first = scriptedTrace(
      [
        { call: 'accept4', at: 0, result: 5, stack: ['main'] },
        { call: 'read', at: 1_000_000, fd: 5, result: 80, stack: serving },
        { call: 'write', at: 3_001_000, fd: 5, result: 200, stack: serving },
        { call: 'epoll_wait', at: 4_000_000, duration: 500_000_000, result: 0, stack: ['main'] },
        { thread: 1, call: 'fsync', at: 5_000_000, duration: OPEN, stack: ['flush'] },
      ],
      { endNs: 2e9 },
    );
    const second = scriptedTrace(
      [
        { call: 'read', at: 0, fd: 5, result: 0, stack: serving },
        { call: 'read', at: 1_001_000, fd: 5, result: 80, stack: serving },
        { call: 'write', at: 2_002_000, fd: 5, result: 200, stack: serving },
        { call: 'close', at: 2_103_000, fd: 5, result: 0, stack: serving },
      ],
      { endNs: 0.5e9 },
    );
    const profiles = [
      { name: 'first', trace: first },
      { name: 'second', trace: second },
    ];
    const mined = await mine(profiles, { service: 'shop', build: '1.4.2' });
    const { traits, stateTraits, ...rest } = mined;
    const object = PROGRAM;
    expect(rest).toEqual({
      schema: 'perfscope.signatures/1',
      service: 'shop',
      build: '1.4.2',
      profiles: [
        { name: 'first', calls: 5, seconds: 2, threads: 2, symbolized: 1, grafted: 0 },
        { name: 'second', calls: 4, seconds: 0.5, threads: 1, symbolized: 1, grafted: 0 },
      ],
      symbols: ['accept4', 'read', 'write', 'epoll_wait=0', 'fsync?', 'read=0', 'close=0'],
      functions: [
        { name: 'main', object },
        { name: 'serve', object },
        { name: 'flush', object },
      ],
      contexts: [
        [-1, -1],
        [0, 0],
        [1, 1],
        [0, 2],
      ],
      states: [
        [1, 0, 1, 1e-6, 1e-6, 1e-6],
        [2, 1, 2, 1e-6, 1e-6, 1e-6],
        [2, 2, 2, 1e-6, 1e-6, 1e-6],
        [1, 3, 1, 0.5, 0.5, 0.5],
        [3, 4, 1, 0, 0, 0],
        [2, 5, 1, 1e-6, 1e-6, 1e-6],
        [2, 6, 1, 1e-6, 1e-6, 1e-6],
      ],
      gaps: [
        [1, 2, 2, 0.001, 0.002, 0.002],
        [2, 6, 1, 0.0001, 0.0001, 0.0001],
        [5, 1, 1, 0.001, 0.001, 0.001],
      ],
      latencies: [[2, 2, 0.001, 0.002, 0.002]],
      transitions: [
        [0, 1, 1],
        [1, 2, 2],
        [2, 3, 1],
        [2, 6, 1],
        [5, 1, 1],
      ],
      signatures: [
        { function: 0, invocations: 2, single: 0, calls: 8, stability: 0, episodes: [[[1, 2], 2]] },
        { function: 1, invocations: 2, single: 0, calls: 6, stability: 0, episodes: [[[1, 2], 2]] },
        { function: 2, invocations: 1, single: 1, calls: 1, stability: null, episodes: [] },
      ],
      normal: { rate: [0.5, 2, 2, 0.5, 0.5, 2, 2], offCall: 0.002 },
    });
    const shown = (state: number) =>
      stateTraits.filter(([of]) => of === state).map(([, trait, count]) => `${traits[trait]} ${count}`);
    expect(shown(1).sort()).toEqual(
      [
        'after accept4 1',
        'after read=0 1',
        'from accept4 1',
        'from before 1',
        'on server 2',
        'round 0 2',
      ].sort(),
    );
    expect(shown(4).sort()).toEqual(['on server 1', 'round 0 1']);
  });

  it('is of no build in particular where none is named', async () => {
    expect((await mine([profile(1)], { service: 's' })).build).toBe('');
  });

  it('gives pool threads the work of who woke them, or not where that idea is left out', async () => {
    const trace = scriptedTrace([
      { thread: 1, call: 'futex', at: 0, duration: 150_000, result: 0, stack: ['[unknown]'] },
      { thread: 0, call: 'futex', at: 100_000, result: 1, stack: ['main', 'log'] },
      { thread: 1, call: 'fsync', at: 160_000, stack: ['[unknown]'] },
    ]);
    const contextsOfFsync = async (options: { poolWork?: boolean }) => {
      const mined = await mine([{ name: 'pool', trace }], { service: 's', ...options });
      const fsync = mined.symbols.indexOf('fsync');
      return mined.states.filter(([, symbol]) => symbol === fsync).map(([context]) => context);
    };
    expect(await contextsOfFsync({})).toEqual([2]);
    expect(await contextsOfFsync({ poolWork: true })).toEqual([2]);
    expect(await contextsOfFsync({ poolWork: false })).toEqual([0]);
  });

  it('takes as many different calls and results as have a number, and refuses a profile that shows one more', async () => {
    const half = (from: number, count: number) => ({
      name: `from-${from}`,
      trace: scriptedTrace(
        Array.from({ length: count }, (_, i) => ({
          call: `c${(from + i) % 256}`,
          at: i,
          result: -Math.floor((from + i) / 256),
          stack: ['main'],
        })),
      ),
    });
    const most = MAX_SYMBOLS / 2;
    const full = await mine([half(0, most), half(most, most)], { service: 's' });
    expect(full.symbols).toHaveLength(MAX_SYMBOLS);
    await expect(mine([half(0, most), half(most, most + 1)], { service: 's' })).rejects.toThrow(
      /^from-32768: more than 65536 different calls and results .*one service/,
    );
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
    expect(copy?.stability).toBe(1);
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
    expect(steps).toEqual(['mining run-1', 'mining run-2', 'mining run-3', 'mining episodes']);
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

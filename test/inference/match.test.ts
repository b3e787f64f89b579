import { beforeAll, describe, expect, it } from 'vitest';
import { callsOf } from '../../calls/calls.ts';
import type { LoopFinding } from '../../inference/finding.ts';
import { functionProfile } from '../../inference/function-profile.ts';
import { MAX_MATCHED_CALLS, matchUnits } from '../../inference/match.ts';
import { abnormalPath } from '../../inference/path.ts';
import { segment } from '../../inference/units.ts';
import { pathStep } from '../../report/write-report.ts';
import { normalOf } from '../../signatures/normal.ts';
import type { SignatureSet } from '../../signatures/signature-set.ts';
import { type ScriptedCall, scriptedTrace } from '../trace/scripted-trace.ts';
import { sampleSignatures } from './sample-service.ts';

let set: SignatureSet;
beforeAll(async () => {
  set = await sampleSignatures();
});
const functionNumber = (name: string) => set.functions.findIndex((fn) => fn.name === name);

describe('matchUnits', () => {
  /** Functions whose episodes occur in one unit of these calls. */
  const matched = (calls: readonly (readonly [string, number])[]) => {
    const shown = callsOf(scriptedTrace(calls.map(([call, result], i) => ({ call, result, at: i * 1_000 }))));
    const units = segment(shown, 1e12);
    expect(units.length).toBe(1);
    const matches = matchUnits(units, [0], shown.column, normalOf(set));
    return new Set([...matches.keys()].map((fn) => set.functions[fn]?.name));
  };

  it('finds functions whose episodes occur in order, other calls in between', () => {
    const found = matched([
      ['openat', 3],
      ['getpid', 1],
      ['read', 10],
      ['getpid', 1],
      ['write', 10],
    ]);
    expect(found).toContain('copy_file');
    expect(found).not.toContain('log_time');
  });

  it('finds no function where the calls come the other way round', () => {
    expect(
      matched([
        ['write', 10],
        ['read', 10],
      ]),
    ).not.toContain('copy_file');
  });

  it('takes a result that no profile shows for the call whatever its result', () => {
    expect(
      matched([
        ['read', 10],
        ['write', -32],
      ]),
    ).toContain('copy_file');
  });

  it('looks at the first calls of a unit that never ends', () => {
    const filler = (count: number) => Array.from({ length: count }, () => ['mmap', 1] as const);
    const tail = [['read', 1] as const, ['write', 1] as const];
    expect(matched([...filler(MAX_MATCHED_CALLS - 2), ...tail])).toContain('copy_file');
    expect(matched([...filler(MAX_MATCHED_CALLS - 1), ...tail])).not.toContain('copy_file');
  });
});

describe('functionProfile', () => {
  it('finds main on the stack of everything and a leaf on the stack of its own calls only', () => {
    const { presence } = functionProfile(normalOf(set));
    expect(presence[functionNumber('main')]).toBe(1);
    expect(presence[functionNumber('event_loop')]).toBe(1);
    expect(presence[functionNumber('copy_file')]).toBeLessThan(
      presence[functionNumber('serve_file')] as number,
    );
    expect(presence.every((share) => share >= 0 && share <= 1)).toBe(true);
  });

  it('knows functions that make one call per invocation, and who calls a function', () => {
    const { single, callers } = functionProfile(normalOf(set));
    expect(single[functionNumber('receive')]).toBe(1);
    expect(single[functionNumber('serve_file')]).toBe(0);
    expect(callers[functionNumber('copy_file')]).toBe(1);
  });
});

describe('abnormalPath', () => {
  const pathOf = (calls: readonly ScriptedCall[], threads = [0]) => {
    const shown = callsOf(scriptedTrace(calls));
    const finding: LoopFinding = {
      kind: 'loop',
      onsetNs: 0,
      abnormality: 9,
      calls: { rows: Uint32Array.of(0), weights: Float64Array.of(1) },
      threads,
      endless: true,
      symbols: [0],
      leader: 0,
      leaderPerSecond: 9,
      normalPerSecond: 1,
    };
    return abnormalPath(finding, shown).map((span) => pathStep(span, shown.trace, shown.column.symbols));
  };

  it('shows a loop as one step with its rounds, and what comes before and after as steps of their own', () => {
    const loop = Array.from({ length: 20 }, (_, i) => ({
      call: i % 2 === 0 ? 'read' : 'write',
      at: 2_000 + i * 2_000,
      result: i % 2 === 0 ? 1 : -11,
    }));
    const steps = pathOf([{ call: 'openat', at: 0 }, ...loop, { call: 'close', at: 50_000, result: 0 }]);
    expect(steps.map(({ calls, repeat }) => [calls.join(' '), repeat])).toEqual([
      ['openat', 1],
      ['read write→EAGAIN', 10],
      ['close→0', 1],
    ]);
    expect(steps[1]?.duration).toBeCloseTo(39e-6, 9);
  });

  it('names the thread whose wake let a thread go on', () => {
    const steps = pathOf([
      { thread: 0, call: 'futex', at: 0, duration: 10e6, result: 0 },
      { thread: 1, call: 'futex', at: 9.9e6, duration: 1_000, result: 1 },
      { thread: 2, call: 'futex', at: 2e6, duration: 1_000, result: 1 },
    ]);
    expect(steps[0]?.wokenBy).toEqual({ tid: 101, comm: 'server' });
  });

  it('follows several threads in the order of time', () => {
    const steps = pathOf(
      [
        { thread: 1, call: 'write', at: 5 },
        { thread: 0, call: 'read', at: 9 },
        { thread: 2, call: 'close', at: 1 },
      ],
      [0, 1],
    );
    expect(steps.map(({ calls }) => calls.join())).toEqual(['write', 'read']);
  });

  it('marks a call that has not returned', () => {
    const steps = pathOf([{ call: 'fsync', at: 0, duration: Number.POSITIVE_INFINITY }]);
    expect(steps.map(({ calls, duration }) => [calls.join(), duration])).toEqual([['fsync→…', null]]);
  });
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { SignatureError } from '../../signatures/errors.ts';
import { mine } from '../../signatures/mine.ts';
import {
  parseSignatureSet,
  type SignatureSet,
  serializeSignatureSet,
} from '../../signatures/signature-set.ts';
import { readTraceFile } from '../../trace/read-trace-file.ts';
import { sampleSignatures } from '../inference/sample-service.ts';

const FIXTURES = join(import.meta.dirname, '../fixtures');

let set: SignatureSet;
let text: string;
beforeAll(async () => {
  set = await sampleSignatures();
  text = serializeSignatureSet(set);
});

/** One number in a list raised to the length of what it points into, per list and kind of pointer. */
function raised(
  list: 'states' | 'gaps' | 'latencies' | 'transitions' | 'stateTraits',
  place: number,
  into: (good: SignatureSet) => readonly unknown[],
): (good: SignatureSet) => unknown {
  return (good) => {
    const record = [...(good[list][0] as readonly number[])];
    record[place] = into(good).length;
    return { ...good, [list]: [record, ...good[list].slice(1)] };
  };
}

const changedProfile = (good: SignatureSet, change: Readonly<Record<string, unknown>>) => ({
  ...good,
  profiles: [{ ...good.profiles[0], ...change }],
});

const POINTERS: Readonly<Record<string, readonly (readonly [string, (good: SignatureSet) => unknown])[]>> = {
  'states: a context or symbol does not exist': [
    ['context', raised('states', 0, (good) => good.contexts)],
    ['symbol', raised('states', 1, (good) => good.symbols)],
  ],
  'gaps: a state does not exist': [
    ['state', raised('gaps', 0, (good) => good.states)],
    ['next state', raised('gaps', 1, (good) => good.states)],
  ],
  'latencies: a state does not exist': [['state', raised('latencies', 0, (good) => good.states)]],
  'transitions: a state does not exist': [
    ['state', raised('transitions', 0, (good) => good.states)],
    ['next state', raised('transitions', 1, (good) => good.states)],
  ],
  'stateTraits: a state or trait does not exist': [
    ['state', raised('stateTraits', 0, (good) => good.states)],
    ['trait', raised('stateTraits', 1, (good) => good.traits)],
  ],
  'signatures: a function or symbol does not exist': [
    [
      'function',
      (good) => ({ ...good, signatures: [{ ...good.signatures[0], function: good.functions.length }] }),
    ],
    [
      'symbol',
      (good) => ({
        ...good,
        signatures: [{ ...good.signatures[0], episodes: [[[0, good.symbols.length], 2]] }],
      }),
    ],
  ],
  'contexts: each parent must come before its child, each function must exist': [
    ['function', (good) => ({ ...good, contexts: good.contexts.with(1, [0, good.functions.length]) })],
  ],
};

describe('a signature set as text', () => {
  it('comes back as it was written', () => {
    expect(parseSignatureSet(text)).toEqual(set);
    expect(serializeSignatureSet(parseSignatureSet(text))).toBe(text);
  });

  it('has one record a line, each list in the order of its records', () => {
    const lines = text.split('\n');
    for (const [field, records] of Object.entries(set).filter(([, value]) => Array.isArray(value))) {
      const first = lines.indexOf(`  "${field}": [`) + 1;
      expect(first).toBeGreaterThan(0);
      const shown = lines.slice(first, lines.indexOf('  ],', first));
      expect(shown.map((line) => JSON.parse(line.replace(/,$/, '')))).toEqual(records);
    }
    expect(lines).toContain(`    "offCall": ${set.normal.offCall}`);
  });

  it('differs in one line where one record or one number differs, so that two builds can be compared', () => {
    const differing = (changed: SignatureSet) => {
      const lines = text.split('\n');
      const others = serializeSignatureSet(changed).split('\n');
      expect(others).toHaveLength(lines.length);
      return others.filter((line, i) => line !== lines[i]);
    };
    const states = set.states.map((state, i) => (i === 1 ? ([...state] as typeof state) : state));
    (states[1] as number[])[5] = 77;
    expect(differing({ ...set, states })).toEqual([`    ${JSON.stringify(states[1])},`]);
    const normal = { ...set.normal, offCall: 99 };
    expect(differing({ ...set, normal })).toEqual(['    "offCall": 99']);
    expect(differing({ ...set, build: '2' })).toEqual(['  "build": "2",']);
  });

  it('keeps an empty list on its line', () => {
    const empty = { ...set, gaps: [], latencies: [] };
    expect(serializeSignatureSet(empty)).toContain('  "gaps": [],\n  "latencies": [],\n');
    expect(parseSignatureSet(serializeSignatureSet(empty))).toEqual(empty);
  });

  const refused = (changed: unknown): string => {
    try {
      parseSignatureSet(typeof changed === 'string' ? changed : JSON.stringify(changed), 'shop.json');
    } catch (error) {
      expect(error).toBeInstanceOf(SignatureError);
      return (error as SignatureError).message;
    }
    return 'accepted';
  };

  it('is refused where it was cut, with the command that makes one', () => {
    fc.assert(
      fc.property(fc.nat(), (at) => {
        const message = refused(text.slice(0, at % (text.length - 2)));
        expect(message).toMatch(/^shop\.json: not JSON; .*perfscope mine PROFILE… --service NAME/);
      }),
      { numRuns: 30 },
    );
  });

  it.each([
    ['null'],
    ['[]'],
    ['{}'],
    ['"perfscope.signatures/1"'],
    ['17'],
    ['{"schema":"perfscope.report/1"}'],
  ])('is refused where it is other JSON: %s', (other) => {
    expect(refused(other)).toMatch(/^shop\.json: not a valid perfscope\.signatures\/1.*perfscope mine/);
  });

  it.each<[string, (good: SignatureSet) => unknown, RegExp]>([
    ['another schema', (good) => ({ ...good, schema: 'perfscope.signatures/2' }), /at schema/],
    ['a field that the schema does not know', (good) => ({ ...good, extra: 1 }), /extra/],
    ['no service', (good) => ({ ...good, service: '' }), /at service/],
    ['a missing part', ({ transitions: _, ...rest }) => rest, /at transitions/],
    ['a number as text', (good) => ({ ...good, symbols: [1] }), /at symbols\.0/],
    ['a negative count', (good) => ({ ...good, transitions: [[0, 0, -1]] }), /at transitions\.0\.2/],
    ['a state that was never seen', (good) => ({ ...good, states: [[0, 0, 0, 0, 0, 0]] }), /at states\.0\.2/],
    ['a fraction for an index', (good) => ({ ...good, transitions: [[0.5, 0, 1]] }), /at transitions\.0\.0/],
    ...Object.entries(POINTERS).flatMap(([message, pointers]) =>
      pointers.map(([what, change]): [string, (good: SignatureSet) => unknown, RegExp] => [
        `${message} by one too many: ${what}`,
        change,
        new RegExp(`: ${message}`),
      ]),
    ),
    [
      'a context before its parent',
      (good) => ({
        ...good,
        contexts: [
          [-1, -1],
          [2, 0],
          [1, 0],
        ],
      }),
      /contexts: each parent/,
    ],
    [
      'a context that is its own parent',
      (good) => ({ ...good, contexts: good.contexts.with(1, [1, 0]) }),
      /contexts: each/,
    ],
    ['a second root', (good) => ({ ...good, contexts: good.contexts.with(1, [-1, 0]) }), /contexts: each/],
    [
      'a root that has a parent',
      (good) => ({ ...good, contexts: good.contexts.with(0, [0, -1]) }),
      /contexts:/,
    ],
    [
      'a root that is a function',
      (good) => ({ ...good, contexts: good.contexts.with(0, [-1, 0]) }),
      /contexts:/,
    ],
    ['a name longer than any', (good) => ({ ...good, service: 's'.repeat(257) }), /at service/],
    ['a build longer than any', (good) => ({ ...good, build: 'b'.repeat(257) }), /at build/],
    ['a share above one', (good) => changedProfile(good, { grafted: 1.01 }), /at profiles\.0\.grafted/],
    [
      'a share below zero',
      (good) => changedProfile(good, { symbolized: -0.01 }),
      /at profiles\.0\.symbolized/,
    ],
    ['a negative time', (good) => changedProfile(good, { seconds: -1 }), /at profiles\.0\.seconds/],
    [
      'a field of a profile that the schema does not know',
      (good) => changedProfile(good, { path: '/' }),
      /"path"/,
    ],
    [
      'a field of a function that the schema does not know',
      (good) => ({ ...good, functions: good.functions.with(0, { ...good.functions[0], line: 1 } as never) }),
      /"line"/,
    ],
    [
      'too many rates',
      (good) => ({ ...good, normal: { ...good.normal, rate: [...good.normal.rate, 1] } }),
      /normal: one entry per symbol/,
    ],
    [
      'too few rates',
      (good) => ({ ...good, normal: { ...good.normal, rate: [] } }),
      /normal: one entry per symbol/,
    ],
    [
      'an overflowing number',
      (good) => JSON.stringify(good).replace('"offCall":', '"offCall":1e999,"x":'),
      /at normal/,
    ],
  ])('is refused with %s, and the message names it', (_, change, expected) => {
    expect(refused(change(set))).toMatch(expected);
  });

  it('is read where a former version wrote it, as what would be mined today', async () => {
    const former = readFileSync(join(FIXTURES, 'signatures/redis-former.json'), 'utf8');
    for (const field of ['collisions', 'run', 'unbounded', 'callsPerSecond']) {
      expect(former).toContain(`"${field}":`);
    }
    const name = 'redis-stacks.perf-script.gz';
    const trace = await readTraceFile(join(FIXTURES, 'trace', name), { stacks: true });
    expect(parseSignatureSet(former)).toEqual(await mine([{ name, trace }], { service: 'redis' }));
  });

  it.each<[string, (good: SignatureSet) => unknown, RegExp]>([
    ['in a signature', (good) => ({ ...good, signatures: [{ ...good.signatures[0], run: [] }] }), /"run"/],
    ['in normal', (good) => ({ ...good, normal: { ...good.normal, collisions: [] } }), /"collisions"/],
    ['in the set', (good) => ({ ...good, callsPerSecond: 1 }), /"callsPerSecond"/],
    ['as a misspelling', (good) => ({ ...good, collision: [] }), /"collision"/],
    ['beside garbage', (good) => ({ ...good, collisions: 7, signatures: [null] }), /at signatures\.0/],
    ['beside no list', (good) => ({ ...good, signatures: { unbounded: 1 } }), /at signatures/],
    ['beside no normal behaviour', (good) => ({ ...good, normal: [] }), /at normal/],
  ])('is refused where a field of the former version stands %s', (_, change, expected) => {
    expect(refused(change(set))).toMatch(expected);
  });

  it('gives no object the name of a prototype', () => {
    const hostile = text.replace('{', '{"__proto__":{"polluted":true},');
    expect(refused(hostile)).toContain('__proto__');
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});

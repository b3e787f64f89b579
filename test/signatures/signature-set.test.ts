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

describe('a signature set as text', () => {
  it('comes back as it was written', () => {
    expect(parseSignatureSet(text)).toEqual(set);
    expect(serializeSignatureSet(parseSignatureSet(text))).toBe(text);
  });

  it('has one record a line, so that two builds can be compared', () => {
    const lines = text.split('\n');
    const records = [set.functions, set.states, set.transitions, set.signatures].reduce(
      (sum, list) => sum + list.length,
      0,
    );
    expect(lines.length).toBeGreaterThan(records);
    expect(lines.every((line) => line.length < 20_000)).toBe(true);
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
    [
      'a state that does not exist',
      (good) => ({ ...good, transitions: [[0, 1e6, 1]] }),
      /transitions: a state/,
    ],
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
    ['no root', (good) => ({ ...good, contexts: [[0, 0]] }), /contexts: each parent/],
    [
      'a symbol that does not exist',
      (good) => ({ ...good, states: [[0, 9_999, 1, 0, 0, 0]] }),
      /states: a context or symbol/,
    ],
    [
      'a trait that does not exist',
      (good) => ({ ...good, stateTraits: [[0, 9_999, 1]] }),
      /stateTraits: a state or trait/,
    ],
    [
      'a function that does not exist',
      (good) => ({ ...good, signatures: good.signatures.map((one) => ({ ...one, function: 9_999 })) }),
      /signatures: a function or symbol/,
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

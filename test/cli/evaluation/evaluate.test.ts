import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { baselineCuts } from '../../../cli/evaluation/baseline-cuts.ts';
import { evaluateCase } from '../../../cli/evaluation/evaluate.ts';
import { caseTrace, type KnownCase, readCases } from '../../../cli/evaluation/known-case.ts';
import { InputError } from '../../../cli/input-error.ts';
import { EXAMPLES, tools } from '../../score/examples.ts';
import { type ScriptedCall, scriptedTrace } from '../../trace/scripted-trace.ts';
import { perfscope } from '../run-perfscope.ts';

const SPOOLD = join(EXAMPLES, 'spoold-held-messages');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'perfscope-test-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A folder with the example's files that are named, and its case.json. */
function someOf(name: string, files: readonly string[]): string {
  const root = join(folder, name);
  mkdirSync(join(root, 'case'), { recursive: true });
  copyFileSync(join(SPOOLD, 'case.json'), join(root, 'case', 'case.json'));
  for (const file of files) symlinkSync(join(SPOOLD, file), join(root, 'case', file));
  return root;
}

function onlyCase(root: string): KnownCase {
  const [known] = readCases(root);
  if (known === undefined) throw new Error(`${root} holds no case`);
  return known;
}

const PROFILE = 'profile-work.perf-script.gz';
const PRODUCTION = 'production.perf-script.gz';

describe('a case', () => {
  it.each([
    ['profiles', [PRODUCTION], 'perf-script', 'no profile-* file'],
    ['a production trace', [PROFILE], 'perf-script', 'no production.perf-script file'],
    ['a production trace of the source', [PROFILE, PRODUCTION], 'strace', 'no production.strace file'],
  ] as const)('without %s is told as missing', async (what, files, source, missing) => {
    const known = onlyCase(someOf(`without ${what}`, files));
    expect(await evaluateCase(known, source, tools)).toEqual({ missing: `${known.folder}: ${missing}` });
  });

  it('without a baseline is scored, and says nothing of it', async () => {
    const known = onlyCase(someOf('no baseline', [PROFILE, PRODUCTION]));
    expect(await evaluateCase(known, 'perf-script', tools)).toMatchObject({
      score: { baselineVerdict: null, falseAlarms: [], events: 52_595 },
    });
  });

  it('has its profiles in name order, and its traces whatever their compression', () => {
    const known = onlyCase(someOf('names', ['profile-work.perf-script.gz', 'profile-full.perf-script.gz']));
    expect(known.profiles.map((path) => path.slice(known.folder.length + 1))).toEqual([
      'profile-full.perf-script.gz',
      'profile-work.perf-script.gz',
    ]);
    writeFileSync(join(known.folder, 'production.strace.zst'), '');
    expect(caseTrace(known, 'production.strace')).toBe(join(known.folder, 'production.strace.zst'));
    expect(caseTrace(known, 'baseline')).toBeNull();
  });

  it('is refused in one sentence where case.json is none, or the folder cannot be read', () => {
    const root = join(folder, 'broken');
    mkdirSync(join(root, 'case'), { recursive: true });
    mkdirSync(join(root, 'notes'));
    expect(readCases(root)).toEqual([]);
    writeFileSync(join(root, 'case', 'case.json'), '{"id": "x"}');
    expect(() => readCases(root)).toThrow(InputError);
    expect(() => readCases(root)).toThrow(/case\.json: not a case description; expected id, kinds/);
    expect(() => readCases(join(folder, 'nowhere'))).toThrow(/cannot be read; give a folder/);
  });
});

describe('the cuts of a baseline', () => {
  /** Ten calls a second, a hundred in the tenth to the twentieth second, none in the thirtieth to the fortieth. */
  const calls = (seconds: number): ScriptedCall[] =>
    Array.from({ length: seconds }, (_, second) =>
      Array.from(
        { length: second >= 30 && second < 40 ? 0 : second >= 10 && second < 20 ? 100 : 10 },
        (_, i) => ({
          call: 'read',
          at: second * 1e9 + i * 1e6,
        }),
      ),
    ).flat();

  it('are its halves, and its busiest and its quietest ten seconds', () => {
    const cuts = baselineCuts(scriptedTrace(calls(50), { endNs: 50e9 }));
    expect(
      cuts.map(({ name, trace }) => [
        name,
        trace.length,
        trace.window.startSeconds,
        trace.window.endNs / 1e9,
      ]),
    ).toEqual([
      ['first half', 1_150, 1_000, 25],
      ['second half', 150, 1_025, 25],
      ['busiest 10 s', 1_000, 1_010, 10],
      ['quietest 10 s', 0, 1_030, 10],
    ]);
  });

  it('are only its halves where it is shorter than two of them', () => {
    const names = (seconds: number) =>
      baselineCuts(scriptedTrace(calls(seconds), { endNs: seconds * 1e9 })).map(({ name }) => name);
    expect(names(19)).toEqual(['first half', 'second half']);
    expect(names(20)).toHaveLength(4);
  });
});

describe('perfscope eval', () => {
  let pino: string;
  beforeAll(() => {
    pino = join(folder, 'pino');
    mkdirSync(join(pino, 'notes'), { recursive: true });
    symlinkSync(join(EXAMPLES, 'pino-log-spin'), join(pino, 'pino-log-spin'));
  });

  it('scores the folder’s cases, and prints them as a table', async () => {
    const { exitCode, stdout, stderr } = await perfscope(['eval', pino]);
    expect([exitCode, stderr]).toEqual([0, '']);
    const [header, , row, , summary] = stdout.split('\n');
    expect(header?.split(/ {2,}/)).toEqual([
      'case',
      'verdict',
      'right',
      'primary',
      'related',
      'suspects',
      'baseline',
      'mine s',
      'infer s',
      'events',
    ]);
    expect(row).toMatch(/^pino-log-spin +spin +yes +1 +1 +5\/21 +normal +[\d.]+ +[\d.]+ +68,568$/);
    expect(summary).toContain('primary function first 100 %');
  });

  it.each([
    ['--without', ['--without', 'pool-work', 'traits'], { primaryRank: null, suspects: 0 }],
    ['--paper', ['--paper'], { primaryRank: 11, suspects: 5 }],
  ])('leaves out what %s says', async (_, options, expected) => {
    const { exitCode, stdout } = await perfscope(['eval', pino, '--json', '-', ...options]);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout).cases).toMatchObject([{ case: 'pino-log-spin', verdict: 'spin', ...expected }]);
  });

  it('scores what an alarm finds that comes after the onset', async () => {
    const { exitCode, stdout } = await perfscope(['eval', pino, '--window', 'late', '--json', '-']);
    expect(exitCode).toBe(0);
    const [late] = JSON.parse(stdout).cases;
    expect(late).toMatchObject({ case: 'pino-log-spin', verdict: 'spin', primaryRank: 1 });
    expect(late.events).toBeLessThan(68_568);
  });

  it('passes over a case whose recording cannot be read, and scores the others', async () => {
    const mixed = join(folder, 'mixed');
    const empty = join(mixed, 'empty');
    mkdirSync(empty, { recursive: true });
    symlinkSync(join(EXAMPLES, 'pino-log-spin'), join(mixed, 'pino-log-spin'));
    for (const name of readdirSync(join(EXAMPLES, 'pino-log-spin')))
      if (/^(case|profile)/.test(name)) symlinkSync(join(EXAMPLES, 'pino-log-spin', name), join(empty, name));
    writeFileSync(join(empty, 'production.perf-script'), '');
    const { exitCode, stdout, stderr } = await perfscope(['eval', mixed, '--json', '-']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout).cases).toHaveLength(1);
    expect(stderr).toMatch(/empty\/production\.perf-script: the file is empty.*; case left out/);
  });

  it('refuses an idea that it does not know, exit code 2, and a folder without cases, exit code 1', async () => {
    const unknown = await perfscope(['eval', pino, '--without', 'magic']);
    expect([unknown.exitCode, unknown.stdout]).toEqual([2, '']);
    expect(unknown.stderr).toMatch(/Allowed choices are attribution, .*pool-work/);
    const none = await perfscope(['eval', join(pino, 'notes')]);
    expect([none.exitCode, none.stdout]).toEqual([1, '']);
    expect(none.stderr).toMatch(/no case to score; expected folders with case\.json/);
  });
});

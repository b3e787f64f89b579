import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');

/**
 * What each part may import of ours besides itself (docs/architecture.md). A part is a folder or one file; the longest
 * that matches counts.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  trace: [],
  calls: ['trace'],
  signatures: ['calls', 'trace'],
  inference: ['signatures', 'calls', 'trace'],
  // What detects, attributes and ranks asks Normal; only the door to the method and to stacks knows what is mined.
  'inference/infer.ts': [
    'inference',
    'signatures/normal.ts',
    'signatures/signature-set.ts',
    'calls',
    'trace',
  ],
  report: ['inference', 'trace'],
  // A page, a mail and a terminal are made from the report alone: whoever has the JSON can draw them.
  'report/page': ['report/figures.ts', 'report/onset.ts', 'report/report.ts', 'report/short-path.ts'],
  'report/terminal.ts': ['report/figures.ts', 'report/onset.ts', 'report/plain.ts', 'report/report.ts'],
  lambda: ['report', 'inference', 'signatures', 'trace'],
  shipper: ['trace', 'package.json'],
  infra: ['lambda'],
  corpus: ['trace'],
  cli: ['trace', 'calls', 'signatures', 'inference', 'report', 'lambda', 'shipper', 'package.json'],
};

/** Files that may know how a signature set's records are laid out: all others ask Normal (signatures/normal.ts). */
const KNOWS_THE_SET = ['signatures', 'inference/infer.ts', 'lambda', 'cli', 'bench'];

/** Parts whose functions give the same output for the same input. */
const PURE = ['calls', 'signatures', 'inference', 'report', 'lambda/incident', 'lambda/events'];

/** Modules that touch the world. */
const IMPURE_MODULE = /^(@aws-sdk\/|@aws-lambda-powertools\/|node:(?!buffer$|crypto$|zlib$))/;
const IMPURE_CODE = /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bprocess\.|\bfetch\(/;

interface Source {
  readonly path: string;
  readonly code: string;
  readonly imports: readonly string[];
}

function sourcesOf(part: string): Source[] {
  const folder = join(ROOT, part);
  const names = part.endsWith('.ts') ? [''] : readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name === '' || name.endsWith('.ts'))
    .map((name) => {
      const path = join(folder, name);
      const code = readFileSync(path, 'utf8');
      const imports = [...code.matchAll(/\b(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, target = '']) =>
        target.startsWith('.') ? relative(ROOT, resolve(dirname(path), target)) : target,
      );
      return { path: relative(ROOT, path), code, imports };
    });
}

const folders = readdirSync(ROOT, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules')
  .map((entry) => entry.name);
const isOurs = (target: string) => folders.includes(target.split('/')[0] ?? '') || target === 'package.json';
const lies = (path: string, part: string) => path === part || path.startsWith(`${part}/`);

describe('arrows point one way', () => {
  it.each(Object.keys(MAY_IMPORT))('%s imports only itself and what lies below it', (part) => {
    const inner = Object.keys(MAY_IMPORT).filter((other) => other !== part && lies(other, part));
    const allowed = [part, ...(MAY_IMPORT[part] ?? [])];
    const sources = sourcesOf(part).filter(({ path }) => !inner.some((other) => lies(path, other)));
    expect(sources.length).toBeGreaterThan(0);
    const against = sources.flatMap(({ path, imports }) =>
      imports
        .filter((target) => isOurs(target) && !allowed.some((other) => lies(target, other)))
        .map((target) => `${path} imports ${target}`),
    );
    expect(against).toEqual([]);
  });

  it('every folder of ours is one of the parts', () => {
    const parts = new Set([...Object.keys(MAY_IMPORT), 'bench', 'test', 'examples', 'docs']);
    const unknown = folders.filter((name) => sourcesOf(name).length > 0 && !parts.has(name));
    expect(unknown).toEqual([]);
  });

  it("nobody but signatures and the doors of the method sees the signature set's tuples", () => {
    const against = ['calls', 'inference', 'report', 'shipper', 'infra']
      .flatMap(sourcesOf)
      .filter(({ path, imports }) => {
        return (
          imports.includes('signatures/signature-set.ts') && !KNOWS_THE_SET.some((known) => lies(path, known))
        );
      });
    expect(against.map(({ path }) => path)).toEqual([]);
  });
});

describe('numbers are made in calls and inference, words in report', () => {
  it('no file of calls or inference writes a sentence', () => {
    const sentence = /[`'"][^`'"]*\b(?:the|a|of|for|with|is|are|was|were)\b[^`'"]* [^`'"]*[`'"]/;
    const isCode = (line: string) =>
      !/^\s*(\/?\*|\/\/)/.test(line) && !/\bthrow\b|RangeError|describe:/.test(line);
    const against = ['calls', 'inference']
      .flatMap(sourcesOf)
      .filter(({ path }) => path !== 'inference/method-options.ts')
      .flatMap(({ path, code }) =>
        code
          .split('\n')
          .filter((line) => isCode(line) && sentence.test(line.replace(/\/\/.*$/, '')))
          .map((line) => `${path}: ${line.trim()}`),
      );
    expect(against).toEqual([]);
  });
});

describe('the core is pure', () => {
  it.each(PURE)('%s reads no clock, no environment, no file, no network and no chance', (part) => {
    const against = sourcesOf(part).flatMap(({ path, code, imports }) => [
      ...imports.filter((target) => IMPURE_MODULE.test(target)).map((target) => `${path} imports ${target}`),
      ...code
        .split('\n')
        .filter((line) => !/^\s*(\/?\*|\/\/)/.test(line) && IMPURE_CODE.test(line))
        .map((line) => `${path}: ${line.trim()}`),
    ]);
    expect(against).toEqual([]);
  });
});

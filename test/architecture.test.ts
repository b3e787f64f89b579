import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');

/** What each part may import of ours besides itself (docs/architecture.md). The longest matching part counts. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  trace: [],
  calls: ['trace'],
  signatures: ['calls', 'trace'],
  inference: ['signatures', 'calls', 'trace', 'report/report.ts'],
  report: ['inference', 'signatures', 'calls', 'trace'],
  lambda: ['report', 'inference', 'signatures', 'calls', 'trace'],
  shipper: ['trace', 'package.json'],
  infra: ['lambda'],
  cli: ['trace', 'calls', 'signatures', 'inference', 'report', 'lambda', 'shipper', 'package.json'],
};

/** The program for nodes is the command line's small sister, bundled from the shipper's folder. */
const ENTRY_POINTS = ['shipper/perfscope-node.ts'];

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
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
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
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);
const isOurs = (target: string) => folders.includes(target.split('/')[0] ?? '') || target === 'package.json';
const lies = (path: string, part: string) => path === part || path.startsWith(`${part}/`);

describe('arrows point one way', () => {
  it.each(Object.keys(MAY_IMPORT).filter((part) => folders.includes(part.split('/')[0] ?? '')))(
    '%s imports only itself and what lies below it',
    (part) => {
      const inner = Object.keys(MAY_IMPORT).filter((other) => other !== part && lies(other, part));
      const allowed = [part, ...(MAY_IMPORT[part] ?? [])];
      const sources = sourcesOf(part).filter(
        ({ path }) => !inner.some((other) => lies(path, other)) && !ENTRY_POINTS.includes(path),
      );
      expect(sources.length).toBeGreaterThan(0);
      const against = sources.flatMap(({ path, imports }) =>
        imports
          .filter((target) => isOurs(target) && !allowed.some((other) => lies(target, other)))
          .map((target) => `${path} imports ${target}`),
      );
      expect(against).toEqual([]);
    },
  );
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

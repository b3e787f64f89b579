/**
 * What a reader of one example's report sees, as files: `vitest -u` writes them anew, and a person reads the difference
 * before it is committed.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../report/report.ts';
import { perfscope } from '../cli/run-perfscope.ts';
import { END_NS, healthy, ONSET_NS, spinning, stuck } from '../inference/incidents.ts';
import { sampleSignatures } from '../inference/sample-service.ts';
import { nodeReport, notify } from '../report/sample-notification.ts';
import { type ScriptedCall, scriptedTrace } from '../trace/scripted-trace.ts';
import { EXAMPLES, reportAsThePaper, reportOf } from './examples.ts';
import { shapeOf } from './shape.ts';

const EXAMPLE = join(EXAMPLES, 'lighttpd-scgi-write-spin');

let folder: string;
let terminal: string;
let report: Report;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'perfscope-test-'));
  const json = join(folder, 'report.json');
  const { exitCode, stdout, stderr } = await perfscope([
    'infer',
    join(EXAMPLE, 'production.perf-script.gz'),
    '--signatures',
    join(EXAMPLE, 'signatures.json.gz'),
    '--json',
    json,
  ]);
  expect([exitCode, stderr]).toEqual([0, '']);
  terminal = stdout;
  report = JSON.parse(readFileSync(json, 'utf8'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('the report of lighttpd-scgi-write-spin', () => {
  it('on the terminal', async () => {
    await expect(terminal).toMatchFileSnapshot('golden/terminal.txt');
  });

  it('in the mail', async () => {
    const { subject, body } = notify([
      nodeReport(report, { onsetBeforeEndSeconds: report.window.end - (report.onset ?? Number.NaN) }),
    ]);
    await expect(`Subject: ${subject}\n\n${body}\n`).toMatchFileSnapshot('golden/notification.txt');
  });
});

/** A second thread that the first one wakes a thousand times a second, to write in vain. */
function wokenForEver(): ScriptedCall[] {
  const calls: ScriptedCall[] = [];
  for (let at = ONSET_NS + 1e6; at < END_NS; at += 1e6) {
    calls.push(
      { thread: 1, call: 'futex', at: at - 0.8e6, duration: 803_000, result: 0 },
      { thread: 0, call: 'futex', at, duration: 5_000, result: 1 },
      { thread: 1, call: 'write', at: at + 20_000, fd: 9, result: -11 },
    );
  }
  return calls;
}

describe('the report as JSON', () => {
  let shape: ReadonlyMap<string, string>;
  beforeAll(async () => {
    const set = await sampleSignatures();
    const trouble = (calls: Parameters<typeof scriptedTrace>[0]) => scriptedTrace(calls, { endNs: END_NS });
    shape = shapeOf([
      report,
      reportOf(trouble(stuck(62)), set),
      reportAsThePaper(trouble(spinning(61)), set),
      reportOf(trouble([...spinning(61), ...wokenForEver()]), null),
      reportOf(scriptedTrace(healthy(66)), set),
      reportOf(scriptedTrace([]), null),
    ]);
  });

  it('has the keys and types of its schema, perfscope.report/1', async () => {
    const lines = [...shape].map(([path, type]) => `${path}: ${type}`).sort();
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('golden/report-shape.txt');
  });

  // What others rely on: it stays, whatever else the report says.
  it.each([
    ['schema', 'string'],
    ['verdict', 'string'],
    ['onset', 'null | number'],
    ['suspects', 'array'],
    ['suspects[].rank', 'number'],
    ['suspects[].function', 'string'],
    ['suspects[].object', 'string'],
    ['suspects[].collidesWith', 'array'],
    ['suspects[].collidesWith[]', 'string'],
    ['suspects[].abnormality', 'null | number'],
    ['suspects[].confidence', 'string'],
    ['suspects[].evidence', 'string'],
    ['suspects[].units', 'array'],
    ['suspects[].units[]', 'number'],
    ['narrowing.suspects', 'number'],
    ['narrowing.functions', 'number'],
    ['window.start', 'number'],
    ['window.end', 'number'],
    ['window.calls', 'number'],
    ['window.lost', 'number'],
    ['units', 'array'],
    ['clusters', 'array'],
    ['path', 'array'],
    ['warnings', 'array'],
  ])('holds %s, of type %s', (path, type) => {
    expect(shape.get(path)).toBe(type);
  });

  it('is of schema perfscope.report/1, and verdict and confidence are of its words', () => {
    expect(report.schema).toBe('perfscope.report/1');
    expect(['hang', 'slowdown', 'spin', 'normal', 'outside', 'unknown']).toContain(report.verdict);
    for (const { confidence } of [report, ...report.suspects]) {
      expect(['high', 'medium', 'low']).toContain(confidence);
    }
  });
});

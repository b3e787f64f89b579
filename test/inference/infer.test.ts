import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { infer } from '../../inference/infer.ts';
import { MAX_STEP_CALLS } from '../../inference/path.ts';
import { MAX_SUSPECT_SHARE, MAX_SUSPECTS } from '../../inference/suspects.ts';
import type { Report } from '../../report/report.ts';
import { MAX_CLUSTER_CALLS, writeReport } from '../../report/write-report.ts';
import { parseSignatureSet, type SignatureSet } from '../../signatures/signature-set.ts';
import { cropTrace } from '../../trace/crop-trace.ts';
import { readTraceFile } from '../../trace/read-trace-file.ts';
import { OPEN, type Trace } from '../../trace/trace.ts';
import { scriptedTrace } from '../trace/scripted-trace.ts';
import { END_NS, healthy, ONSET_NS, slow, spinning, stuck, vanished } from './incidents.ts';
import { randomNumbers, sampleSignatures, serve } from './sample-service.ts';

const EXAMPLE = join(import.meta.dirname, '../../examples/lighttpd-scgi-write-spin');
const FIXTURES = join(import.meta.dirname, '../fixtures/trace');

let set: SignatureSet;
beforeAll(async () => {
  set = await sampleSignatures();
});

const trouble = (calls: Parameters<typeof scriptedTrace>[0]) => scriptedTrace(calls, { endNs: END_NS });
const reported = (trace: Trace, signatures: SignatureSet | null) => writeReport(infer(trace, signatures));
const names = (report: Report) => report.suspects.map((suspect) => suspect.function);

/** What every report promises (report.ts, design.md section 8). */
function expectSound(report: Report, trace: Trace): void {
  const text = JSON.stringify(report, (key, value: unknown) => {
    if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`${key} is ${value}`);
    return value;
  });
  expect(text).not.toMatch(/NaN|Infinity|undefined/);
  expect(report.schema).toBe('perfscope.report/1');
  expect(report.onset === null).toBe(report.verdict === 'normal');
  if (report.verdict === 'normal') {
    expect([report.suspects, report.units, report.path]).toEqual([[], [], []]);
  }
  const { functions } = report.narrowing;
  expect(report.narrowing.suspects).toBe(report.suspects.length);
  expect(report.suspects.length).toBeLessThanOrEqual(Math.max(MAX_SUSPECTS, functions * MAX_SUSPECT_SHARE));
  const units = new Set(report.units.map(({ id }) => id));
  expect(units.size).toBe(report.units.length);
  for (const [i, suspect] of report.suspects.entries()) {
    expect(suspect.rank).toBe(i + 1);
    expect(suspect.score).toBeLessThanOrEqual(i === 0 ? 1 : (report.suspects[i - 1]?.score ?? 0));
    expect(suspect.units.every((id) => units.has(id))).toBe(true);
  }
  expect(new Set(names(report)).size).toBe(report.suspects.length);
  expect(report.window.calls).toBe(trace.length);
  for (const unit of report.units) {
    expect(unit.start).toBeGreaterThanOrEqual(report.window.start);
    expect(unit.start).toBeLessThanOrEqual(report.window.end);
    expect(trace.threads.some(({ tid }) => tid === unit.thread.tid)).toBe(true);
  }
  for (const step of report.path) {
    expect(step.calls.length).toBeGreaterThan(0);
    expect(step.repeat).toBeGreaterThanOrEqual(1);
    expect(Number.isInteger(step.repeat)).toBe(true);
  }
  const times = report.path.map(({ time }) => time);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
}

describe('the summary', () => {
  const summary = (trace: Trace, signatures: SignatureSet | null) => reported(trace, signatures).summary;
  const whole = () => trouble(spinning(81));

  it('says of which yardsticks a call is news', () => {
    expect(summary(whole(), set)).toContain('(never before, nor in normal runs)');
    expect(summary(whole(), null)).toContain('(never before)');
    const late = cropTrace(whole(), ONSET_NS + 0.5e9, END_NS + 1);
    expect(summary(late, set)).toContain('(never in normal runs)');
  });

  it('says that it began before the window where all of that is abnormal', () => {
    const late = cropTrace(whole(), ONSET_NS + 0.5e9, END_NS + 1);
    expect(summary(late, set)).toMatch(/^Spinning in all 9\.5 s of the window, and since before it: /);
    expect(summary(whole(), set)).toMatch(/^Spinning for the last 10 s of the window: /);
  });
});

describe('infer', () => {
  it.each([
    ['a spin', spinning(61), 'spin', 'copy_file'],
    ['a call that does not return', stuck(62), 'hang', 'save_parts'],
    ['a slow disk', slow(63), 'slowdown', 'save_parts'],
  ])('names the function that holds %s before those above it', (_, calls, verdict, home) => {
    const trace = trouble(calls);
    const report = reported(trace, set);
    expectSound(report, trace);
    expect(report.verdict).toBe(verdict);
    expect(report.onset).toBeCloseTo(1_000 + ONSET_NS / 1e9, 0);
    const place = (name: string) => {
      const at = names(report).indexOf(name);
      return at < 0 ? Number.POSITIVE_INFINITY : at;
    };
    expect(place(home)).toBeLessThan(MAX_SUSPECTS);
    for (const above of ['main', 'event_loop']) expect(place(home)).toBeLessThan(place(above));
  });

  it('puts the home of a loop before wrappers of single calls and functions elsewhere', () => {
    const report = reported(trouble(spinning(64)), set);
    expect(names(report)[0]).toBe('copy_file');
    expect(report.suspects[0]?.units.length).toBeGreaterThan(0);
    expect(
      report.path.some(({ calls, repeat }) => calls.join() === 'read,write→EAGAIN' && repeat > 100),
    ).toBe(true);
  });

  it('never claims certainty where a thread vanished between two calls', () => {
    const trace = trouble(vanished(65));
    const report = reported(trace, set);
    expectSound(report, trace);
    expect(report.verdict).toBe('hang');
    expect(report.suspects.length).toBeGreaterThan(0);
    expect(report.suspects.every(({ confidence }) => confidence === 'low')).toBe(true);
    expect(names(report)).toContain('copy_file');
    expect(report.warnings.join()).toContain('makes no system calls');
  });

  it('names nobody in a healthy trace', () => {
    const trace = scriptedTrace(healthy(66));
    const report = reported(trace, set);
    expectSound(report, trace);
    expect([report.verdict, report.onset, report.suspects]).toEqual(['normal', null, []]);
    expect(report.coverage).toBeGreaterThan(0.99);
    expect(report.warnings).toEqual([]);
  });

  it('gives the abnormal units and the path without signatures, and says why it names nobody', () => {
    const trace = trouble(spinning(67));
    const report = reported(trace, null);
    expectSound(report, trace);
    expect([report.verdict, report.suspects, report.coverage]).toEqual(['spin', [], null]);
    expect(report.units.length).toBeGreaterThan(0);
    expect(report.path.length).toBeGreaterThan(0);
    expect(report.warnings.join()).toContain('perfscope mine');
  });

  it('warns where the signatures explain little of the trace', () => {
    const calls = Array.from({ length: 500 }, (_, i) => ({ call: `call_${i % 5}`, at: i * 1e7 }));
    const report = reported(scriptedTrace(calls), set);
    expect(report.coverage).toBe(0);
    expect(report.warnings.join()).toContain('explain only 0 %');
  });

  it('takes the functions from the stacks of the trace where it has them, and says so', () => {
    const trace = scriptedTrace(serve(0, 300, randomNumbers(68)));
    const report = reported(trace, set);
    expect(report.coverage).toBe(1);
    expect(report.warnings.join()).toContain('has call stacks');
  });

  it('survives a trace without a single call, and one call', () => {
    const empty = reported(scriptedTrace([]), set);
    expectSound(empty, scriptedTrace([]));
    expect([empty.verdict, empty.summary]).toEqual(['normal', 'The trace holds no calls.']);
    const one = scriptedTrace([{ call: 'read', at: 0, duration: OPEN }]);
    expectSound(reported(one, set), one);
    expectSound(reported(one, null), one);
  });

  it('gives a sound report for any calls, and the same one twice', () => {
    const call = fc.record({
      thread: fc.nat(4),
      call: fc.constantFrom('read', 'write', 'epoll_wait', 'futex', 'recvfrom', 'close', 'never_profiled'),
      at: fc.nat(30e9),
      duration: fc.oneof({ weight: 9, arbitrary: fc.nat(2e9) }, fc.constant(OPEN)),
      result: fc.constantFrom(-11, 0, 1, -4_095, 2 ** 31 - 1, -(2 ** 31) + 1),
      fd: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
    });
    fc.assert(
      fc.property(fc.array(call, { maxLength: 300 }), fc.boolean(), (calls, signed) => {
        const trace = scriptedTrace(calls);
        const report = reported(trace, signed ? set : null);
        expectSound(report, trace);
        expect(JSON.stringify(reported(trace, signed ? set : null))).toBe(JSON.stringify(report));
      }),
      { numRuns: 60 },
    );
  });

  it('survives a trace of ten thousand threads', () => {
    const calls = Array.from({ length: 30_000 }, (_, i) => ({
      thread: i % 10_000,
      call: i < 20_000 ? 'recvfrom' : 'futex',
      at: i * 1_000,
      duration: i < 20_000 ? 10 : OPEN,
    }));
    const trace = scriptedTrace(calls, { endNs: 90e9 });
    expectSound(reported(trace, set), trace);
  });

  it('survives more kinds of calls and results than a symbol number can tell apart', () => {
    const calls = Array.from({ length: 70_000 }, (_, i) => ({
      call: `call_${i % 40}`,
      at: i * 1_000,
      result: -Math.floor(i / 40),
    }));
    const trace = scriptedTrace(calls);
    const report = reported(trace, set);
    expectSound(report, trace);
    expect(report.clusters.every((cluster) => cluster.calls.length <= MAX_CLUSTER_CALLS)).toBe(true);
  });

  it('shows a long run of different calls on the path as several steps of readable length', () => {
    const between = Array.from({ length: 300 }, (_, i) => ({
      call: `call_${i}`,
      at: ONSET_NS + 5e8 + i * 1e5,
    }));
    const { path } = reported(trouble([...spinning(69), ...between]), set);
    expect(path.flatMap(({ calls }) => calls)).toContain('call_299');
    expect(path.every(({ calls }) => calls.length <= MAX_STEP_CALLS)).toBe(true);
  });
});

describe('infer on recorded traces', () => {
  it.each([
    'jetty.strace.gz',
    'lighttpd-cgi.strace.gz',
    'nginx.perf-script.gz',
    'redis-stacks.perf-script.gz',
  ])('gives a sound report for %s, with and without signatures of another service', async (file) => {
    const trace = await readTraceFile(join(FIXTURES, file));
    expectSound(reported(trace, set), trace);
    expectSound(reported(trace, null), trace);
  });

  it('gives byte-identical reports twice, and for plain, gzip and zstd copies of a trace', async () => {
    const signatures = parseSignatureSet(
      gunzipSync(readFileSync(join(EXAMPLE, 'signatures.json.gz'))).toString(),
    );
    const recorded = join(EXAMPLE, 'production.perf-script.gz');
    const plain = gunzipSync(readFileSync(recorded));
    const folder = mkdtempSync(join(tmpdir(), 'perfscope-test-'));
    try {
      writeFileSync(join(folder, 'plain'), plain);
      writeFileSync(join(folder, 'zstd'), zstdCompressSync(plain));
      const reports: string[] = [];
      for (const path of [recorded, recorded, join(folder, 'plain'), join(folder, 'zstd')]) {
        const trace = await readTraceFile(path);
        const report = reported(trace, signatures);
        expectSound(report, trace);
        expect(report.verdict).toBe('spin');
        reports.push(JSON.stringify(report));
      }
      expect(new Set(reports).size).toBe(1);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

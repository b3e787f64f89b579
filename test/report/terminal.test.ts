import { expect, it } from 'vitest';
import type { Report } from '../../report/report.ts';
import { renderTerminalReport } from '../../report/terminal.ts';

const thread = { pid: 7, tid: 8, comm: 'worker' };

const spin: Report = {
  schema: 'perfscope.report/1',
  verdict: 'spin',
  confidence: 'high',
  summary: 'Spinning since then.',
  onset: 1010.5,
  service: 'shop',
  build: '1.4.2',
  suspects: [
    {
      rank: 1,
      function: 'retry_forever',
      object: '/srv/shopd',
      collidesWith: ['retry_twice'],
      abnormality: 41.7,
      confidence: 'high',
      evidence: 'Nine tenths of the loop were made under it.',
      units: [3],
      score: 1,
    },
  ],
  narrowing: { suspects: 1, functions: 812 },
  window: { start: 1000, end: 1090, calls: 12_345, lost: 17, threads: 4, format: 'perf-script' },
  coverage: 0.97,
  units: [
    {
      id: 3,
      thread,
      start: 1011,
      duration: null,
      calls: 9,
      cluster: 0,
      abnormality: 41.7,
      why: 'it never ends',
    },
  ],
  clusters: [
    {
      id: 0,
      calls: ['read', 'write'],
      units: 10,
      abnormalUnits: 1,
      ratePerSecondBefore: 1,
      ratePerSecondAfter: 20,
      medianDuration: 0.001,
    },
  ],
  path: [
    {
      time: 1010.25,
      thread,
      calls: ['read', 'write', 'write', 'write', ...Array.from({ length: 20 }, (_, call) => `call_${call}`)],
      repeat: 3,
      duration: 0.5,
      wokenBy: { tid: 9, comm: 'main' },
    },
  ],
  warnings: ['The ring lost 17 events.'],
};

it('says first what happened and since when, then who, then how, then what to doubt', () => {
  const text = renderTerminalReport(spin);
  expect(text).toBe(`SPIN (high confidence), since 10.5 s into the window, 1010.500
Spinning since then.

Suspects (1 of 812 functions, 0.12 %)
  1. retry_forever  in /srv/shopd
     41.7× normal, high confidence. Nine tenths of the loop were made under it.
     Not told apart from: retry_twice

How it came about, by system calls (seconds from the onset)
     −0.250  worker 8, 500 ms, repeated 3 times, woken by main 9
             read, write ×3, call_0, call_1, call_2, call_3, call_4, call_5, call_6, call_7, call_8,
             call_9 … and 10 more calls

Abnormal execution units (the worst of 1)
  unit 3: worker 8, at +11.000 s, 9 calls, has not ended: it never ends

Clusters with abnormal units
  1 of 10 units, 1.00/s before and 20.0/s after, median 1 ms: read write

Window: 90 s from 1000.000, 12,345 system calls of 4 threads, 17 lost (perf-script)
Signatures: shop 1.4.2; they know 97 % of the system calls before the onset

Warnings
  - The ring lost 17 events.
`);
});

it('says that the trouble is older than the window where nothing in it is normal', () => {
  expect(renderTerminalReport({ ...spin, onset: spin.window.start })).toMatch(
    /^SPIN \(high confidence\), since before the window began at 1000\.000\n/,
  );
});

it('names nobody where all is normal', () => {
  const text = renderTerminalReport({
    ...spin,
    verdict: 'normal',
    onset: null,
    suspects: [],
    summary: 'All is well.',
  });
  expect(text).toMatch(/^NORMAL \(high confidence\)\nAll is well\.\n\nWindow: /);
  expect(text).not.toMatch(/Suspects|unit 3|retry/);
});

it('says how to get functions named where there are no signatures', () => {
  const text = renderTerminalReport({
    ...spin,
    suspects: [],
    narrowing: { suspects: 0, functions: 0 },
    service: null,
    coverage: null,
  });
  expect(text).toContain('Suspects: none can be named without signatures (perfscope mine makes them');
});

it('tells the date where the trace has the calendar’s clock', () => {
  const window = { ...spin.window, start: 1_795_392_000, end: 1_795_392_090 };
  expect(renderTerminalReport({ ...spin, window, onset: 1_795_392_040 })).toMatch(
    /^SPIN .*since 40 s into the window, 1795392040\.000 = 2026-11-23 00:00:40 UTC\n/,
  );
});

it('lets no name from the traced machine steer the terminal', () => {
  const [suspect] = spin.suspects;
  if (suspect === undefined) throw new Error('the report above has a suspect');
  const text = renderTerminalReport({
    ...spin,
    suspects: [{ ...suspect, function: 'f\x1b[2J\r\nSPOOFED: all is well', object: '\u202eevil' }],
    warnings: ['\x9b31mred'],
  });
  expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(text).not.toMatch(/^SPOOFED/m);
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ALARM_SCHEMA,
  NODE_REPORT_SCHEMA,
  readStoredAlarm,
  readStoredReport,
  writeStoredAlarm,
  writeStoredReport,
} from '../../lambda/incident/stored-documents.ts';
import { VERDICTS } from '../../lambda/incident/verdicts.ts';
import type { NodeReport } from '../../report/incident.ts';

const REPORT: NodeReport = {
  service: 'checkout',
  incident: 'p99',
  node: 'web-7',
  report: '0123456789abcdef0123',
  outcome: 'complete',
  verdict: 'spin',
  confidence: 'high',
  summary: 'Spinning for the last 30 s.',
  build: '1.4',
  onsetUnixSeconds: 1_795_400_000.5,
  onsetBeforeEndSeconds: 30,
  onsetBeforeWindow: false,
  suspects: [
    {
      function: 'read_loop',
      object: 'server',
      collidesWith: ['parse'],
      abnormality: 41.7,
      confidence: 'medium',
      evidence: 'It reads.',
    },
  ],
  narrowing: { suspects: 1, functions: 100 },
  path: ['read→EAGAIN ×1000'],
  warnings: ['5 events were lost'],
  trace: { bucket: 'traces', key: 'traces/checkout/p99/web-7/t', etag: '"e"' },
  reportKey: 'reports/checkout/p99/web-7/0/report.json',
  pageKey: 'reports/checkout/p99/web-7/0/report.html',
  tracedAt: '2026-11-23T02:15:00.000Z',
};

const ALARM = {
  name: 'checkout-p99',
  reason: 'above 2 s',
  at: '2026-11-23T02:15:00.000Z',
  instances: ['i-0abc1234'],
};

const DOCUMENTS = [
  ['a node report', writeStoredReport(REPORT), readStoredReport, REPORT],
  ['an alarm', writeStoredAlarm(ALARM), readStoredAlarm, ALARM],
] as const;

/** Every place in a document that holds something. */
function placesOf(value: unknown, above: readonly (string | number)[] = []): (string | number)[][] {
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const place = [...above, Array.isArray(value) ? Number(key) : key];
    return [place, ...placesOf(inner, place)];
  });
}

function changed(document: string, place: readonly (string | number)[], to: unknown): string {
  const content = JSON.parse(document);
  const holder = place.slice(0, -1).reduce((inner, key) => inner[key], content);
  const last = place.at(-1) as string | number;
  if (to === undefined) delete holder[last];
  else holder[last] = to;
  return JSON.stringify(content);
}

/** Items written before it existed lack it. */
const LATER_FIELD = 'onsetBeforeWindow';

it('a node report from before it told whether the onset lies before the window says that it does not', () => {
  const former = changed(writeStoredReport({ ...REPORT, onsetBeforeWindow: true }), [LATER_FIELD], undefined);
  expect(readStoredReport(former)).toMatchObject({ value: { onsetBeforeWindow: false } });
});

describe.each(DOCUMENTS)('%s', (_what, document, read, value) => {
  it('comes back as it was written', () => {
    expect(read(document)).toEqual({ value });
  });

  it('from before forms had names comes back as well', () => {
    expect(read(changed(document, ['schema'], undefined))).toEqual({ value });
  });

  const fields = placesOf(JSON.parse(document)).filter(
    (place) => typeof place.at(-1) === 'string' && place[0] !== 'schema' && place[0] !== LATER_FIELD,
  );
  it.each(fields.map((place) => [place.join('.'), place] as const))(
    'without %s is a problem, and no exception',
    (_name, place) => {
      expect(read(changed(document, place, undefined))).toEqual({ problem: expect.any(String) });
    },
  );

  it.each(placesOf(JSON.parse(document)).map((place) => [place.join('.'), place] as const))(
    'with something else in %s is a problem, and no exception',
    (_name, place) => {
      expect(read(changed(document, place, { of: 'another kind' }))).toEqual({ problem: expect.any(String) });
    },
  );

  it('of which only the beginning is there is a problem, wherever it was cut', () => {
    for (let length = 0; length < document.length; length += 1)
      expect(read(document.slice(0, length))).toEqual({ problem: 'its document is no JSON' });
  });

  it('that is anything else at all is a problem, and no exception', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.anything()), (anything) => {
        expect(read(anything)).toEqual({ problem: expect.any(String) });
      }),
    );
  });

  it('of another version is a problem that names both', () => {
    const [name] = (JSON.parse(document).schema as string).split('/');
    for (const version of [0, 2])
      expect(read(changed(document, ['schema'], `${name}/${version}`))).toEqual({
        problem: `its document is ${name}/${version}, expected ${name}/1`,
      });
  });
});

it('a document of the other kind is refused by its name', () => {
  expect(readStoredAlarm(writeStoredReport(REPORT))).toMatchObject({
    problem: expect.stringContaining(NODE_REPORT_SCHEMA),
  });
  expect(readStoredReport(writeStoredAlarm(ALARM))).toMatchObject({
    problem: expect.stringContaining(ALARM_SCHEMA),
  });
});

it.each([...VERDICTS, null])('the verdict %s is stored and read', (verdict) => {
  const report = { ...REPORT, verdict };
  expect(readStoredReport(writeStoredReport(report))).toEqual({ value: report });
});

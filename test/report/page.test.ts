import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { VERDICTS } from '../../lambda/incident/verdicts.ts';
import { clusterLabel } from '../../report/page/rates.ts';
import { STYLE } from '../../report/page/style.ts';
import { writePage } from '../../report/page.ts';
import type { Report } from '../../report/report.ts';
import { NORMAL, SPIN } from './sample-report.ts';

const page = writePage(SPIN, { node: 'web-7', incident: 'p99-20261123T021500Z' });

it.each(VERDICTS)('a page that says %s has a look of its own', (verdict) => {
  const [, tone = ''] = /<section class="banner (\w+)">/.exec(writePage({ ...SPIN, verdict })) ?? [];
  expect(STYLE).toContain(`.banner.${tone} {`);
  expect(STYLE).toContain(`.banner.${tone} .verdict {`);
});

describe('the page', () => {
  it.each([
    ['the verdict and the first suspect', 'Spin in lighttpd, most likely in scgi_write_request'],
    ['the node', 'web-7'],
    ['the incident', 'p99-20261123T021500Z'],
    ['evidence', 'It normally makes the connect and writev'],
    ['narrowing', '3 suspects of 212 functions'],
    ['functions that are not told apart', 'network_write_file_chunk_mmap'],
    ['folded loops', '×42,105'],
    ['a call that never returned', 'never returned'],
    ['who woke whom', 'woken by lighttpd-io/4713'],
    ['rates before and after', '2,034/s'],
    ['coverage', '93.4\u00a0%'],
    ['warnings', '1,204 events were lost'],
    ['the onset in the picture', 'class="onset"'],
    ['units that follow each other as one span', 'Abnormal units behind it: 40–59<'],
  ])('shows %s', (_what, text) => {
    expect(page).toContain(text);
  });

  it('labels the drawn clusters by the calls that tell them apart', () => {
    const cluster = (id: number, calls: readonly string[]) => ({
      ...(SPIN.clusters[0] as Report['clusters'][number]),
      id,
      calls,
      ratePerSecondBefore: 1,
      ratePerSecondAfter: 2 + id,
    });
    const drawn = [
      cluster(1, ['accept', 'read=EAGAIN', 'epoll_ctl=0']),
      cluster(2, ['openat', 'read=EAGAIN', 'epoll_ctl=0']),
    ];
    const labels = drawn.map((it) => clusterLabel(it, drawn));
    expect(labels).toEqual(['accept epoll_ctl=0', 'openat epoll_ctl=0']);
    const long = cluster(3, ['inotify_add_watch=ENOSPC', 'epoll_pwait2=EINTR']);
    expect(clusterLabel(long, [long])).toBe('epoll_pwait2=EINTR');
    for (const label of labels) expect(writePage({ ...SPIN, clusters: drawn })).toContain(`${label}<title>`);
  });

  it('folds the middle of a long step that no loop folds, and loses none of its calls', () => {
    const calls = Array.from({ length: 40 }, (_, index) => `call_${index}`);
    const step = { ...(SPIN.path[0] as Report['path'][number]), calls };
    const html = writePage({ ...SPIN, path: [step] });
    expect(html).toContain('<summary>24 more</summary>');
    for (const name of calls) expect(html).toContain(`>${name}<`);
    const short = { ...step, calls: calls.slice(0, 23) };
    expect(writePage({ ...SPIN, path: [short] })).not.toContain(' more</summary>');
  });

  it('leaves out a build that the signatures do not name', () => {
    expect(writePage({ ...SPIN, build: '' })).not.toContain('<dt>Build</dt>');
  });

  it('draws one bar for each unit, and marks the abnormal ones', () => {
    expect(page.match(/class="unit( abnormal)?" x=/g)).toHaveLength(SPIN.units.length);
    expect(page.match(/class="unit abnormal" x=/g)).toHaveLength(20);
  });

  it('needs nothing from elsewhere', () => {
    expect(page).not.toMatch(
      /<(?:script|img|link|iframe|object|embed)|@import|https?:\/\/|url\(| (?:src|href)=/i,
    );
  });

  it('allows only its own style sheet, by hash', () => {
    const style = /<style>(.*)<\/style>/s.exec(page)?.[1] ?? '';
    const hash = createHash('sha256').update(style).digest('base64');
    expect(page).toContain(`default-src &#39;none&#39;; style-src &#39;sha256-${hash}&#39;`);
    expect(page).not.toMatch(/ style="/);
  });

  it('is the same every time', () => {
    expect(writePage(SPIN, { node: 'web-7', incident: 'p99-20261123T021500Z' })).toBe(page);
  });

  it('says plainly when nothing is wrong, and names nobody', () => {
    const normal = writePage(NORMAL);
    expect(normal).toContain('Nothing abnormal in lighttpd');
    expect(normal).not.toContain('<h2>Suspects</h2>');
  });

  it('says what is missing without signatures', () => {
    const blind = writePage({
      ...SPIN,
      suspects: [],
      coverage: null,
      narrowing: { suspects: 0, functions: 0 },
    });
    expect(blind).toContain('no functions can be named');
  });
});

describe('names from a compromised node', () => {
  const evil = `"><script>alert(1)</script><img src=x onerror='alert(2)'>&\u202e`;

  /** Every string of the report, evil. */
  function poison<T>(value: T): T {
    if (typeof value === 'string') return evil as T;
    if (Array.isArray(value)) return value.map(poison) as T;
    if (value !== null && typeof value === 'object')
      return Object.fromEntries(Object.entries(value).map(([name, it]) => [name, poison(it)])) as T;
    return value;
  }

  it('never become markup, wherever they stand', () => {
    const poisoned: Report = {
      ...poison(SPIN),
      schema: SPIN.schema,
      verdict: 'spin',
      confidence: 'high',
      suspects: poison(SPIN.suspects).map((suspect) => ({ ...suspect, confidence: 'low' as const })),
    };
    const html = writePage(poisoned, { node: evil, incident: evil });
    expect(html).not.toContain('<script');
    expect(html).not.toContain('<img');
    expect(html).not.toContain('\u202e');
    expect(html).toContain('&quot;&gt;&lt;script&gt;alert(1)');
    // Outside of the templates' own markup no quote of the name survives to end an attribute.
    expect(html).not.toMatch(/onerror='/);
  });
});

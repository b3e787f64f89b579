import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ITEM_SUSPECTS, ITEM_TEXT, toNodeSuspect } from '../../lambda/incident/node-report.ts';
import { MAX_BODY_CHARACTERS } from '../../report/notification.ts';
import { MAX_SUBJECT, toSubject } from '../../report/plain.ts';
import type { Suspect } from '../../report/report.ts';
import { nodeReport, notify } from './sample-notification.ts';
import { SPIN } from './sample-report.ts';

describe('the notification', () => {
  const { subject, body, attributes } = notify([nodeReport(SPIN)]);

  it('does not say since when where all of the window is abnormal, only that it is older', () => {
    const late = notify([nodeReport(SPIN, { onsetBeforeWindow: true })]);
    expect(late.body).toContain('Since      before 2026-11-23 02:10:55 UTC, when the window began\n');
    const noClock = notify([nodeReport(SPIN, { onsetBeforeWindow: true, onsetUnixSeconds: null })]);
    expect(noClock.body).toContain('Since      before the window began, 19.2');
  });

  it('names verdict, service, function and node in its subject', () => {
    expect(subject).toBe('spin in lighttpd: scgi_write_request (node web-7)');
  });

  it.each([
    ['the verdict', 'Verdict    spin (high confidence)'],
    ['service and build', 'Service    lighttpd, build 1.4.24-dev'],
    ['since when', 'Since      2026-11-23 02:10:55 UTC'],
    ['the first suspect', '1. scgi_write_request in mod_scgi.so, 41.7× normal, high confidence'],
    ['its evidence', 'It normally makes the connect and writev'],
    ['how far the search was narrowed', 'SUSPECTS (3 of 212 functions, 1.4 %)'],
    ['functions that cannot be told apart', 'Not told apart from: network_write_chunkqueue_write,'],
    ['the path, loops folded', '+0.012 s lighttpd/4711: writev→EPIPE, epoll_wait ×42,105, 18.2 s'],
    ['what to do', 'WHAT TO DO NOW'],
    ['the runbook', 'Runbook: https://runbooks.example.com/lighttpd'],
    ['where the page is', 'aws s3 cp s3://my-reports/reports/lighttpd/p99/web-7/abc/report.html .'],
    [
      'how to run it again',
      '{"trace":"s3://my-traces/traces/lighttpd/p99-20261123T021500Z/web-7/trace.dat.zst"}',
    ],
    ['what was lost', '1,204 events were lost'],
  ])('tells %s', (_what, text) => {
    // Numbers and units are held together by spaces that do not break.
    expect(body.replaceAll('\u00a0', ' ')).toContain(text);
  });

  it('carries attributes for filter policies', () => {
    expect(attributes).toEqual({
      service: 'lighttpd',
      incident: 'p99-20261123T021500Z',
      step: 'first',
      verdict: 'spin',
      severity: 'high',
    });
  });

  it('keeps prose within 76 columns; only addresses are longer', () => {
    for (const line of body.split('\n'))
      if (!/https?:|s3:/.test(line)) expect([...line].length, line).toBeLessThanOrEqual(90);
  });

  it('shows the alarm that began it', () => {
    const alarm = {
      name: 'checkout-p99',
      reason: 'Threshold Crossed',
      at: '2026-11-23T02:15:00Z',
      instances: [],
    };
    expect(notify([nodeReport(SPIN)], 'first', alarm).body).toContain(
      'Alarm      checkout-p99: Threshold Crossed',
    );
  });
});

describe('several nodes', () => {
  const sick = (node: string, onset: number) =>
    nodeReport(SPIN, { node, report: node, onsetUnixSeconds: onset });
  const healthy = (node: string) =>
    nodeReport({ ...SPIN, verdict: 'normal', suspects: [] }, { node, report: node });

  it('tell a single sick node from its healthy ones', () => {
    const { body, subject, attributes } = notify(
      [sick('web-1', 10), healthy('web-2'), healthy('web-3')],
      'final',
    );
    expect(subject).toContain('Final: spin in lighttpd');
    expect(body).toContain('Scope      a single sick node: web-1, of 3 that have reported');
    expect(body).toContain('Healthy    web-2, web-3');
    expect(body).toContain('take it out of the load balancer');
    expect(attributes.severity).toBe('high');
  });

  it('tell a fleet-wide fault, and who showed it first', () => {
    const { body, attributes } = notify(
      [sick('web-1', 1_800_000_020), sick('web-2', 1_800_000_010)],
      'final',
    );
    expect(body).toContain('fleet-wide: 2 of 2 nodes');
    expect(body).toContain('First on   web-2, 2027-01-15 08:00:10 UTC');
    expect(attributes.severity).toBe('critical');
    expect(body).toContain('aws s3 ls --recursive s3://my-reports/reports/lighttpd/p99-20261123T021500Z/');
  });
});

it('a body is never longer than the limit, however long the names are', () => {
  const long = 'f'.repeat(ITEM_TEXT);
  const report = nodeReport(SPIN, {
    suspects: Array.from({ length: ITEM_SUSPECTS }, () => ({
      ...toNodeSuspect(SPIN.suspects[0] as Suspect),
      function: long,
      evidence: long,
      collidesWith: Array.from({ length: ITEM_SUSPECTS }, () => long),
    })),
    path: Array.from({ length: 100 }, () => long),
  });
  expect(notify([report]).body).toHaveLength(MAX_BODY_CHARACTERS);
});

describe('text from a compromised node', () => {
  const evil = 'f\r\nX-Forged: yes\u202e\u0000 WHAT TO DO NOW';

  it('cannot forge lines or headers', () => {
    const report = {
      ...SPIN,
      suspects: SPIN.suspects.map((it) => ({ ...it, function: evil, evidence: evil })),
    };
    const { subject, body } = notify([nodeReport(report, { summary: evil, warnings: [evil] })]);
    expect(subject).not.toMatch(/[\r\n]/);
    expect(body.split('\n').filter((line) => line.startsWith('X-Forged'))).toEqual([]);
    expect(body.split('\n').filter((line) => line === 'WHAT TO DO NOW')).toHaveLength(1);
    for (const character of ['\u0000', '\r', '\u202e']) expect(body).not.toContain(character);
  });
});

describe('a subject', () => {
  it('is ASCII, one line, never empty and shorter than 100 characters, whatever goes in', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        expect(toSubject(text)).toMatch(/^[\x21-\x7e][\x20-\x7e]{0,98}$/);
      }),
    );
  });

  it('is left whole at the limit and cut one over', () => {
    expect(toSubject('x'.repeat(MAX_SUBJECT))).toBe('x'.repeat(MAX_SUBJECT));
    expect(toSubject('x'.repeat(MAX_SUBJECT + 1))).toBe(`${'x'.repeat(MAX_SUBJECT - 3)}...`);
  });
});

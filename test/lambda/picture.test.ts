import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  drawPicture,
  FLEET_SHARE,
  FUSION_K,
  hasFinding,
  PICTURE_SUSPECTS,
} from '../../lambda/incident/picture.ts';
import { isAffected, VERDICTS } from '../../lambda/incident/verdicts.ts';
import type { NodeReport, NodeSuspect } from '../../report/incident.ts';
import { nodesIn } from '../../report/incident.ts';
import type { Verdict } from '../../report/report.ts';

function suspect(name: string, abnormality = 2): NodeSuspect {
  return {
    function: name,
    object: 'server',
    collidesWith: [],
    abnormality,
    confidence: 'medium',
    evidence: 'e',
  };
}

function nodeReport(
  node: string,
  verdict: Verdict | null,
  suspects: readonly string[] = [],
  more: Partial<NodeReport> = {},
): NodeReport {
  return {
    service: 'checkout',
    incident: 'p99',
    node,
    report: `id-${node}`,
    outcome: verdict === null ? 'unfinished' : 'complete',
    verdict,
    confidence: verdict === null ? null : 'high',
    summary: '',
    build: null,
    onsetUnixSeconds: null,
    onsetBeforeEndSeconds: null,
    onsetBeforeWindow: false,
    suspects: suspects.map((name) => suspect(name)),
    narrowing: { suspects: suspects.length, functions: 100 },
    path: [],
    warnings: [],
    trace: { bucket: 'b', key: node, etag: 'e' },
    reportKey: null,
    pageKey: null,
    tracedAt: '2026-11-23T02:15:00.000Z',
    ...more,
  };
}

describe('suspects of several nodes', () => {
  it('are merged by reciprocal rank fusion', () => {
    const { suspects } = drawPicture([
      nodeReport('a', 'spin', ['read_loop', 'parse']),
      nodeReport('b', 'spin', ['parse', 'read_loop']),
      nodeReport('c', 'spin', ['read_loop']),
    ]);
    expect(suspects.map(({ function: name }) => name)).toEqual(['read_loop', 'parse']);
    expect(suspects[0]?.fusedScore).toBeCloseTo(2 / (FUSION_K + 1) + 1 / (FUSION_K + 2), 12);
    expect(suspects[0]?.nodes).toEqual(['a', 'b', 'c']);
  });

  it('are not swayed by one node with a wild ratio', () => {
    const wild = nodeReport('w', 'spin', [], { suspects: [suspect('elsewhere', 1e9)] });
    const { suspects } = drawPicture([
      wild,
      nodeReport('a', 'spin', ['parse']),
      nodeReport('b', 'spin', ['parse']),
    ]);
    expect(suspects[0]?.function).toBe('parse');
  });

  it('are the first few, in the order of their ranks', () => {
    const names = Array.from({ length: PICTURE_SUSPECTS + 1 }, (_, index) => `f${index}`);
    const { suspects } = drawPicture([nodeReport('a', 'spin', names)]);
    expect(suspects.map(({ function: name }) => name)).toEqual(names.slice(0, PICTURE_SUSPECTS));
    expect(drawPicture([nodeReport('a', 'spin', names.slice(1))]).suspects).toHaveLength(PICTURE_SUSPECTS);
  });

  it('do not mix functions of the same name from different binaries', () => {
    const other = nodeReport('b', 'spin', [], { suspects: [{ ...suspect('init'), object: 'libother.so' }] });
    expect(drawPicture([nodeReport('a', 'spin', ['init']), other]).suspects).toHaveLength(2);
  });
});

describe('the scope', () => {
  const healthy = ['h1', 'h2', 'h3', 'h4'].map((node) => nodeReport(node, 'normal'));
  const sick = (...nodes: string[]) => nodes.map((node) => nodeReport(node, 'hang', ['f']));

  it.each([
    ['none', healthy],
    ['unknown', sick('a')],
    ['one-node', [...healthy, ...sick('a')]],
    ['several-nodes', [...healthy, ...sick('a', 'b')]],
    ['fleet', sick('a', 'b', 'c', 'd')],
    ['fleet', [...sick('a', 'b', 'c', 'd'), nodeReport('h', 'normal')]],
  ])('is %s', (scope, reports) => {
    expect(drawPicture(reports).scope).toBe(scope);
  });

  it('is the fleet from its share of the nodes on, and not with one node less', () => {
    const nodes = Array.from({ length: 100 }, (_, index) => `n${String(index).padStart(3, '0')}`);
    const scopeWith = (affected: number) =>
      drawPicture(nodes.map((node, index) => nodeReport(node, index < affected ? 'hang' : 'normal'))).scope;
    const atLimit = Math.ceil(FLEET_SHARE * nodes.length);
    expect([scopeWith(atLimit), scopeWith(atLimit - 1)]).toEqual(['fleet', 'several-nodes']);
  });

  it('does not count nodes without a verdict as healthy', () => {
    const picture = drawPicture([...sick('a'), nodeReport('x', null)]);
    expect(picture.scope).toBe('unknown');
    expect(picture.failed).toEqual(['x']);
    expect(nodesIn(picture)).toBe(2);
  });
});

describe('the verdict', () => {
  const sick = VERDICTS.filter((verdict) => verdict !== 'normal');

  it.each(sick)('%s is told of by one node that has it, however many are healthy', (verdict) => {
    const picture = drawPicture([
      nodeReport('a', verdict, ['f']),
      ...['b', 'c'].map((node) => nodeReport(node, 'normal')),
    ]);
    expect(picture).toMatchObject({ verdict, affected: ['a'], healthy: ['b', 'c'] });
    expect(hasFinding(picture)).toBe(true);
  });

  it('normal on all nodes pages nobody', () => {
    const picture = drawPicture([nodeReport('a', 'normal'), nodeReport('b', null)]);
    expect(picture).toMatchObject({ verdict: 'normal', confidence: null, affected: [] });
    expect(hasFinding(picture)).toBe(false);
  });

  it('is that of most affected nodes; a tie goes to the graver one', () => {
    const verdictOf = (...verdicts: Verdict[]) =>
      drawPicture(verdicts.map((verdict, index) => nodeReport(`n${index}`, verdict, ['f']))).verdict;
    expect(verdictOf('slowdown', 'slowdown', 'hang')).toBe('slowdown');
    expect(verdictOf('slowdown', 'spin')).toBe('spin');
    expect(verdictOf('spin', 'hang')).toBe('hang');
    expect(verdictOf('normal', 'normal', 'slowdown')).toBe('slowdown');
  });

  it('has the best confidence of any affected node', () => {
    const confidences = ['low', 'high', 'medium'] as const;
    const reports = confidences.map((confidence) => nodeReport(confidence, 'spin', ['f'], { confidence }));
    expect(drawPicture(reports).confidence).toBe('high');
    expect(drawPicture(reports.slice(0, 1)).confidence).toBe('low');
  });
});

describe('a node whose stored report cannot be read', () => {
  it('has no verdict, unless another report of it has one', () => {
    const picture = drawPicture([nodeReport('a', 'spin', ['f']), nodeReport('z', null)], ['b', 'a', 'b']);
    expect(picture).toMatchObject({ affected: ['a'], failed: ['b', 'z'], reports: 5, scope: 'unknown' });
    expect(nodesIn(picture)).toBe(3);
  });
});

describe('the first affected node', () => {
  it('is the one with the earliest onset among aligned clocks', () => {
    const { first } = drawPicture([
      nodeReport('late', 'spin', ['f'], { onsetUnixSeconds: 200 }),
      nodeReport('early', 'spin', ['f'], { onsetUnixSeconds: 100 }),
      nodeReport('no-clock', 'spin', ['f']),
      nodeReport('healthy', 'normal', [], { onsetUnixSeconds: 1 }),
    ]);
    expect(first).toEqual({ node: 'early', onsetUnixSeconds: 100 });
  });
});

describe('a node that reports twice', () => {
  it('counts once, as sick if either report is', () => {
    const picture = drawPicture([
      nodeReport('a', 'spin', ['f'], { report: '1', tracedAt: '2026-11-23T02:15:00Z' }),
      nodeReport('a', 'normal', [], { report: '2', tracedAt: '2026-11-23T02:16:00Z' }),
    ]);
    expect(picture.affected).toEqual(['a']);
    expect(nodesIn(picture)).toBe(1);
    expect(picture.reports).toBe(2);
  });
});

it('the picture is the same in whatever order the reports arrive', () => {
  const report = fc.record({
    node: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    verdict: fc.constantFrom<Verdict | null>(...VERDICTS, null),
    suspects: fc.uniqueArray(fc.constantFrom('f', 'g', 'h', 'i'), { maxLength: 4 }),
    second: fc.integer({ min: 10, max: 59 }),
  });
  fc.assert(
    fc.property(fc.array(report, { maxLength: 12 }), fc.infiniteStream(fc.nat()), (drafts, random) => {
      const reports = drafts.map(({ node, verdict, suspects, second }, index) =>
        nodeReport(node, verdict, isAffected({ verdict }) ? suspects : [], {
          report: `id-${index}`,
          tracedAt: `2026-11-23T02:15:${second}Z`,
          onsetUnixSeconds: second,
        }),
      );
      const shuffled = reports
        .map((it) => ({ it, key: random.next().value as number }))
        .sort((a, b) => a.key - b.key)
        .map(({ it }) => it);
      expect(drawPicture(shuffled)).toEqual(drawPicture(reports));
    }),
  );
});

import { describe, expect, it } from 'vitest';
import { type CaseScore, namesTruth, rankOfTruth, summarize } from '../../../cli/evaluation/score.ts';
import type { Suspect } from '../../../report/report.ts';

function suspects(...named: readonly (string | readonly [string, ...string[]])[]): Suspect[] {
  return named.map((entry, i) => {
    const [name, ...collidesWith] = typeof entry === 'string' ? [entry] : entry;
    return {
      rank: i + 1,
      function: name,
      object: '',
      collidesWith,
      abnormality: 2,
      confidence: 'low',
      evidence: '',
      units: [],
      score: 1,
    };
  });
}

describe('namesTruth', () => {
  it.each([
    ['gw_write', 'gw_write'],
    ['org.eclipse.jetty.io.ssl.SslConnection$DecryptedEndPoint.flush(java.nio.ByteBuffer[])', 'flush'],
    ['actualWrite /app/node_modules/sonic-boom/index.js:456:21', 'actualWrite'],
    ['(anonymous) /app/server.js:12:30', '/app/server.js:12:30'],
    ['rewrite write', 'write'],
  ])('finds in %s the whole of %s', (name, truth) => {
    expect(namesTruth(name, truth)).toBe(true);
  });

  it.each([
    ['gw_write_refill', 'gw_write'],
    ['mod_gw_write', 'gw_write'],
    ['gw_write2', 'gw_write'],
    ['Server$flush', 'flush'],
    ['flush$1', 'flush'],
    ['gw_writ', 'gw_write'],
    ['(anonymous) /app/server.js:12:301', '/app/server.js:12:30'],
  ])('finds in %s no %s', (name, truth) => {
    expect(namesTruth(name, truth)).toBe(false);
  });
});

describe('rankOfTruth', () => {
  it('is the place of the first true suspect', () => {
    expect(rankOfTruth(suspects('a', 'b', 'c'), ['c', 'b'])).toBe(2);
    expect(rankOfTruth(suspects('a', 'b'), ['z'])).toBeNull();
    expect(rankOfTruth([], ['a'])).toBeNull();
  });

  it('counts a collision group at its worst position', () => {
    expect(rankOfTruth(suspects('a', ['b', 'c'], ['c', 'b'], 'd'), ['b'])).toBe(3);
    expect(rankOfTruth(suspects('a', ['b', 'c'], ['c', 'b'], 'd'), ['d'])).toBe(4);
  });

  it('counts members of the group that are not shown', () => {
    expect(rankOfTruth(suspects('a', ['b', 'x', 'y']), ['b'])).toBe(4);
    expect(rankOfTruth(suspects('a', ['b', 'x', 'y']), ['y'])).toBe(4);
  });
});

describe('summarize', () => {
  const score = (more: Partial<CaseScore>): CaseScore => ({
    case: 'c',
    verdict: 'spin',
    kinds: ['spin', 'hang'],
    primaryMakesCalls: true,
    primaryRank: 1,
    relatedRank: 1,
    suspects: 5,
    functions: 50,
    baselineVerdict: 'normal',
    falseAlarms: [],
    mineSeconds: 1,
    seconds: 1,
    events: 1,
    ...more,
  });

  it('counts primary functions only where they make calls, and related ones in all cases', () => {
    const summary = summarize([
      score({}),
      score({ primaryRank: 3, relatedRank: 3 }),
      score({ primaryRank: 6, relatedRank: 4 }),
      score({ primaryMakesCalls: false, primaryRank: null }),
    ]);
    expect(summary).toMatchObject({
      cases: 4,
      withCalls: 3,
      primaryFirst: 0.3333,
      primaryWithin3: 0.6667,
      primaryWithin5: 0.6667,
      relatedFirst: 0.5,
      relatedWithin3: 0.75,
    });
  });

  it('counts verdicts of the kinds that are right, and baselines where there are any', () => {
    const summary = summarize([
      score({ verdict: 'hang' }),
      score({ verdict: 'slowdown', baselineVerdict: null }),
      score({ baselineVerdict: 'spin', falseAlarms: ['first half', 'busiest 10 s'] }),
    ]);
    expect(summary).toMatchObject({ verdictRight: 0.6667, baselineNormal: 0.5, falseAlarms: 2 });
  });

  it('gives zeros for no cases', () => {
    expect(summarize([])).toMatchObject({ cases: 0, primaryFirst: 0, verdictRight: 0, falseAlarms: 0 });
  });
});

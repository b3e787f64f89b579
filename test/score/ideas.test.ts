import { beforeAll, describe, expect, it } from 'vitest';
import { rankOfTruth } from '../../cli/evaluation/score.ts';
import { type Idea, ideas } from '../../inference/method-options.ts';
import type { Report } from '../../report/report.ts';
import type { SignatureSet } from '../../signatures/signature-set.ts';
import { END_NS, spinning } from '../inference/incidents.ts';
import { sampleSignatures } from '../inference/sample-service.ts';
import { scriptedTrace } from '../trace/scripted-trace.ts';
import {
  type Example,
  type ExampleId,
  exampleIds,
  mineWithout,
  readExample,
  reportAsThePaper,
  reportOf,
  reportWithout,
  shortNames,
} from './examples.ts';
import { askingForEver, retryingInBothRoles, twoRoleSignatures } from './two-role-service.ts';

/**
 * What leaving an idea out does to an example's report: `nothing` (the same bytes), `weights` (the same suspects in the
 * same order, other figures), `order` (other suspects or another order, the true function where it was), or where the
 * true function is then ranked (null: not named). Null: it cannot be left out there, its profiles are not committed.
 */
type Effect = 'nothing' | 'weights' | 'order' | { readonly primary: number | null } | null;

const effects: Readonly<Record<Idea, Readonly<Record<ExampleId, Effect>>>> = {
  attribution: {
    'pino-log-spin': { primary: null },
    'spoold-held-messages': 'nothing',
    'lighttpd-scgi-write-spin': { primary: null },
  },
  traits: {
    'pino-log-spin': 'order',
    'spoold-held-messages': 'nothing',
    'lighttpd-scgi-write-spin': { primary: null },
  },
  'loop-folding': {
    'pino-log-spin': 'weights',
    'spoold-held-messages': 'nothing',
    'lighttpd-scgi-write-spin': 'weights',
  },
  specificity: {
    'pino-log-spin': 'order',
    'spoold-held-messages': 'nothing',
    'lighttpd-scgi-write-spin': { primary: 2 },
  },
  'prefer-inner': {
    'pino-log-spin': { primary: 2 },
    'spoold-held-messages': 'weights',
    'lighttpd-scgi-write-spin': { primary: 3 },
  },
  wrappers: {
    'pino-log-spin': 'nothing',
    'spoold-held-messages': { primary: 4 },
    'lighttpd-scgi-write-spin': 'nothing',
  },
  'new-symbols': {
    'pino-log-spin': 'nothing',
    'spoold-held-messages': 'order',
    'lighttpd-scgi-write-spin': 'order',
  },
  dispatch: {
    'pino-log-spin': 'nothing',
    'spoold-held-messages': 'nothing',
    'lighttpd-scgi-write-spin': 'weights',
  },
  // In each example the abnormal calls are of one role.
  roles: {
    'pino-log-spin': 'nothing',
    'spoold-held-messages': 'nothing',
    'lighttpd-scgi-write-spin': 'nothing',
  },
  episodes: {
    'pino-log-spin': 'nothing',
    'spoold-held-messages': 'nothing',
    'lighttpd-scgi-write-spin': 'order',
  },
  'pool-work': {
    'pino-log-spin': { primary: null },
    'spoold-held-messages': 'nothing',
    'lighttpd-scgi-write-spin': null,
  },
};

function effect(whole: Report, without: Report, primary: readonly string[]): Effect {
  if (JSON.stringify(without) === JSON.stringify(whole)) return 'nothing';
  const rank = rankOfTruth(without.suspects, primary);
  if (rank !== rankOfTruth(whole.suspects, primary)) return { primary: rank };
  return shortNames(without).join() === shortNames(whole).join() ? 'weights' : 'order';
}

/** System calls that the profiles show under a function. */
function callsUnder(name: string, { functions, signatures }: SignatureSet): number | undefined {
  return signatures.find(({ function: fn }) => functions[fn]?.name.split(' ')[0] === name)?.calls;
}

describe('an idea left out', () => {
  const examples = new Map<ExampleId, Example & { readonly whole: Report }>();
  beforeAll(async () => {
    for (const id of exampleIds) {
      const example = await readExample(id);
      examples.set(id, { ...example, whole: reportOf(example.production, example.signatures) });
    }
  });

  function example(id: ExampleId) {
    const read = examples.get(id);
    if (read === undefined) throw new Error(`${id} was not read`);
    return read;
  }

  const rows = (Object.keys(ideas) as Idea[]).flatMap((idea) =>
    exampleIds.flatMap((id) => {
      const expected = effects[idea][id];
      return expected === null ? [] : [{ idea, id, expected }];
    }),
  );

  it.each(rows)('$idea: on $id, $expected', async ({ idea, id, expected }) => {
    const { production, truth, whole, signatures: mined } = example(id);
    const signatures = idea === 'pool-work' ? await mineWithout(id, idea) : mined;
    const without = reportWithout(production, signatures, idea);
    expect(effect(whole, without, truth.primary)).toEqual(expected);
    expect([without.verdict, without.onset]).toEqual([whole.verdict, whole.onset]);
  });

  it('pool-work: a pool thread’s calls are put under who woke it, and without it they are not', async () => {
    const { production, signatures, whole } = example('pino-log-spin');
    const without = await mineWithout('pino-log-spin', 'pool-work');
    const calls = (name: string) => [callsUnder(name, without), callsUnder(name, signatures)];
    // libuv's threads read the notes and write the log; what is left without them are the wakes of those threads.
    expect(calls('readNote')).toEqual([171, 1_249]);
    expect(calls('actualWrite')).toEqual([146, 368]);
    // An answer is sent by the thread that makes it.
    expect(calls('reply')).toEqual([254, 254]);
    expect(shortNames(whole)).toContain('actualWrite');
    expect(shortNames(reportOf(production, without))).toEqual(['describeNotes', '(anonymous)']);
  });

  it('changes the report of some example, but for the one that needs another service to show', () => {
    const without = Object.entries(effects).filter(([, of]) =>
      Object.values(of).every((it) => it === 'nothing' || it === null),
    );
    expect(without.map(([idea]) => idea)).toEqual(['roles']);
  });
});

describe('on a service of two roles, an idea left out moves the order:', () => {
  let set: SignatureSet;
  beforeAll(async () => {
    set = await twoRoleSignatures();
  });

  it('roles: the function behind the smaller role’s abnormal calls is named before a caller in the larger one', () => {
    const trace = scriptedTrace(retryingInBothRoles(), { endNs: END_NS });
    expect(shortNames(reportOf(trace, set)).slice(0, 4)).toEqual([
      'send_part',
      'send_all',
      'append_entry',
      'answer_request',
    ]);
    expect(shortNames(reportWithout(trace, set, 'roles')).slice(0, 4)).toEqual([
      'send_part',
      'send_all',
      'answer_request',
      'append_entry',
    ]);
  });

  it('wrappers: a function with one call per invocation is no loop’s home', () => {
    const trace = scriptedTrace(askingForEver(), { endNs: END_NS });
    expect(shortNames(reportOf(trace, set)).slice(0, 2)).toEqual(['answer_request', 'receive']);
    expect(shortNames(reportWithout(trace, set, 'wrappers')).slice(0, 2)).toEqual([
      'receive',
      'answer_request',
    ]);
  });
});

it('the paper’s order takes functions of one increase by the number of abnormal units that they match', async () => {
  const set = await sampleSignatures();
  const trace = scriptedTrace(spinning(61), { endNs: END_NS });
  const paper = reportAsThePaper(trace, set);
  expect(shortNames(paper)).toEqual(['handle_request', 'serve_file', 'copy_file']);
  expect(shortNames(reportOf(trace, set))[0]).toBe('copy_file');
});

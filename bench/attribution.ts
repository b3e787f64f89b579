/** `attribution`: how often a call is put under the very functions it was made under, on profiles left out of mining. */

import { callsOf } from '../calls/calls.ts';
import { attributeCalls } from '../inference/attribute.ts';
import { callModel } from '../inference/call-model.ts';
import { contextColumn, contextPath, growingCallTree } from '../signatures/call-tree.ts';
import { mine } from '../signatures/mine.ts';
import { normalOf } from '../signatures/normal.ts';
import type { Profile } from '../signatures/profile-calls.ts';
import type { SignatureSet } from '../signatures/signature-set.ts';
import { frameClassifier } from '../signatures/user-functions.ts';
import { readTraceFile } from '../trace/read-trace-file.ts';
import { type BenchmarkOptions, type BenchmarkResult, rounded } from './benchmark.ts';
import { recordedCases } from './recorded-case.ts';

interface Agreement {
  /** Shares (0…1) of the left-out profile's calls with a user-defined function on their stack. */
  readonly wholePath: number;
  readonly innermost: number;
}

/** Mines all profiles of a case but one, hides that one's stacks, and compares where its calls are put with the stacks. */
export async function attribution({ cases, progress }: BenchmarkOptions): Promise<BenchmarkResult> {
  const found: { readonly name: string; readonly agreement: Agreement }[] = [];
  for (const recorded of recordedCases(cases)) {
    const profiles: Profile[] = [];
    for (const path of recorded.profiles) {
      profiles.push({ name: path, trace: await readTraceFile(path, { stacks: true }) });
    }
    if (profiles.length < 2) continue;
    for (const left of profiles) {
      progress(`${recorded.id}: without ${left.name}`);
      const others = profiles.filter((profile) => profile !== left);
      const set = await mine(others, { service: recorded.id });
      const name = `${recorded.id} ${left.name.split('/').at(-1)?.split('.')[0]}`;
      found.push({ name, agreement: agreementOf(left, set) });
    }
  }
  const mean = (field: keyof Agreement) =>
    rounded(found.reduce((sum, { agreement }) => sum + agreement[field], 0) / Math.max(1, found.length));
  if (found.length === 0) {
    return {
      figures: { wholePath: null, innermost: null },
      skipped: [
        { figure: 'all', reason: `${cases} holds no case with two profiles (--cases FOLDER names another)` },
      ],
      notes: [],
    };
  }
  return {
    figures: { wholePath: mean('wholePath'), innermost: mean('innermost'), profiles: found.length },
    skipped: [],
    notes: found.map(
      ({ name, agreement }) =>
        `${name.padEnd(54)} whole path ${agreement.wholePath.toFixed(3)}, innermost function ${agreement.innermost.toFixed(3)}`,
    ),
  };
}

function agreementOf({ trace }: Profile, set: SignatureSet): Agreement {
  const tree = growingCallTree();
  const { contexts: truth } = contextColumn(trace, tree, frameClassifier());
  const { contexts } = attributeCalls(callsOf(trace), callModel(normalOf(set)));
  const truePaths = tree.parent.map((_, context) =>
    contextPath(tree, context).map((fn) => tree.functions[fn]?.name ?? ''),
  );
  const paths: string[][] = [];
  for (const [context, [parent, fn]] of set.contexts.entries()) {
    paths[context] = context === 0 ? [] : [...(paths[parent] as string[]), set.functions[fn]?.name ?? ''];
  }
  let calls = 0;
  let whole = 0;
  let innermost = 0;
  for (let row = 0; row < trace.length; row++) {
    const expected = truePaths[truth[row] as number] as string[];
    if (expected.length === 0) continue;
    const given = paths[contexts[row] as number] as string[];
    calls++;
    if (given.at(-1) === expected.at(-1)) innermost++;
    if (given.length === expected.length && given.every((name, i) => name === expected[i])) whole++;
  }
  return { wholePath: whole / Math.max(1, calls), innermost: innermost / Math.max(1, calls) };
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rowsByThread } from '../../calls/threads.ts';
import { contextPath, type GrowingCallTree, growingCallTree } from '../../signatures/call-tree.ts';
import {
  functionInvocations,
  MAX_DISTINCT_SEQUENCES,
  MAX_INVOCATION_CALLS,
  sequenceSymbols,
} from '../../signatures/invocations.ts';
import { scriptedTrace } from '../trace/scripted-trace.ts';

interface MadeCall {
  readonly thread: number;
  readonly path: readonly number[];
  readonly symbol: number;
}

function built(calls: readonly MadeCall[]) {
  const trace = scriptedTrace(calls.map(({ thread }, at) => ({ thread, call: 'read', at })));
  const tree = growingCallTree();
  for (let fn = 0; fn < 10; fn++) tree.internFunction({ name: `f${fn}`, object: '' });
  const contexts = Int32Array.from(calls, ({ path }) => path.reduce((at, fn) => tree.child(at, fn), 0));
  const symbols = Uint16Array.from(calls, ({ symbol }) => symbol);
  return { tree, contexts, found: functionInvocations(rowsByThread(trace), tree, contexts, symbols) };
}

/** "function: sequence" of each invocation, from the definition: the longest runs of calls under one context. */
function byDefinition(calls: readonly MadeCall[], tree: GrowingCallTree, contexts: Int32Array): string[] {
  const isUnder = (context: number, above: number): boolean =>
    context === above || (context > 0 && isUnder(tree.parent[context] as number, above));
  const invocations: string[] = [];
  for (const thread of new Set(calls.map((call) => call.thread))) {
    const rows = [...calls.keys()].filter((row) => calls[row]?.thread === thread);
    for (let context = 1; context < tree.parent.length; context++) {
      let run: number[] = [];
      const end = () => {
        if (run.length > 0) invocations.push(`${tree.functionOf[context]}: ${run.join(' ')}`);
        run = [];
      };
      for (const row of rows) {
        if (isUnder(contexts[row] as number, context)) run.push(calls[row]?.symbol as number);
        else end();
      }
      end();
    }
  }
  return invocations.sort();
}

const call = fc.record({
  thread: fc.nat(2),
  path: fc.array(fc.nat(2), { maxLength: 4 }),
  symbol: fc.nat(3),
});

describe('functionInvocations', () => {
  it('gives exactly the runs of calls that are made under a function called from the same place', () => {
    fc.assert(
      fc.property(fc.array(call, { maxLength: 40 }), (calls) => {
        const { tree, contexts, found } = built(calls);
        const invocations = [...found].flatMap(([fn, { sequences }]) =>
          [...sequences].flatMap(([key, weight]) =>
            Array<string>(weight).fill(`${fn}: ${sequenceSymbols(key).join(' ')}`),
          ),
        );
        expect(invocations.sort()).toEqual(byDefinition(calls, tree, contexts));
      }),
    );
  });

  it('counts invocations, their calls, and those of exactly one call', () => {
    fc.assert(
      fc.property(fc.array(call, { maxLength: 40 }), (calls) => {
        for (const { sequences, count, calls: made, single } of built(calls).found.values()) {
          const entries = [...sequences];
          expect(count).toBe(entries.reduce((sum, [, weight]) => sum + weight, 0));
          expect(made).toBe(entries.reduce((sum, [key, weight]) => sum + key.length * weight, 0));
          expect(single).toBe(
            entries.reduce((sum, [key, weight]) => sum + (key.length === 1 ? weight : 0), 0),
          );
        }
      }),
    );
  });

  it('counts an invocation that is too long, and keeps none of its calls', () => {
    const run = (length: number) => Array.from({ length }, () => ({ thread: 0, path: [0], symbol: 1 }));
    const at = built(run(MAX_INVOCATION_CALLS)).found.get(0);
    expect([at?.count, at?.sequences.size]).toEqual([1, 1]);
    const over = built(run(MAX_INVOCATION_CALLS + 1)).found.get(0);
    expect(over).toEqual({
      sequences: new Map(),
      count: 1,
      single: 0,
      calls: MAX_INVOCATION_CALLS + 1,
    });
  });

  it('keeps so many different sequences of a function and counts the others', () => {
    const distinct = (sequences: number) =>
      Array.from({ length: sequences }, (_, i) => [
        { thread: 0, path: [0], symbol: i },
        { thread: 0, path: [], symbol: 0 },
      ]).flat();
    const at = built(distinct(MAX_DISTINCT_SEQUENCES)).found.get(0);
    expect([at?.count, at?.sequences.size]).toEqual([MAX_DISTINCT_SEQUENCES, MAX_DISTINCT_SEQUENCES]);
    const over = built(distinct(MAX_DISTINCT_SEQUENCES + 1)).found.get(0);
    expect([over?.count, over?.sequences.size]).toEqual([MAX_DISTINCT_SEQUENCES + 1, MAX_DISTINCT_SEQUENCES]);
  });

  it('keeps the order of calls on a thread with many thousands', () => {
    const calls = Array.from({ length: 10_000 }, (_, i) => ({
      thread: 0,
      path: i % 100 === 99 ? [] : [3],
      symbol: i,
    }));
    const keys = [...(built(calls).found.get(3)?.sequences.keys() ?? [])];
    expect(keys.map(sequenceSymbols)).toEqual(
      Array.from({ length: 100 }, (_, run) => Array.from({ length: 99 }, (_, i) => run * 100 + i)),
    );
  });

  it('keeps every symbol number apart, also those that are no character of their own', () => {
    const symbols = [0, 0xd800, 0xdc00, 0xfffe, 0xffff];
    const { found, tree, contexts } = built(symbols.map((symbol) => ({ thread: 0, path: [3], symbol })));
    expect([...(found.get(3)?.sequences.keys() ?? [])].map(sequenceSymbols)).toEqual([symbols]);
    expect(contextPath(tree, contexts[0] as number)).toEqual([3]);
  });
});

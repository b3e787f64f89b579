import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  commonContext,
  contextColumn,
  contextPath,
  growingCallTree,
  ROOT_CONTEXT,
} from '../../signatures/call-tree.ts';
import { frameClassifier } from '../../signatures/user-functions.ts';
import { type Frame, NO_STACK, type Trace } from '../../trace/trace.ts';
import { PROGRAM, scriptedTrace, stackTrie } from '../trace/scripted-trace.ts';

const libc = (name: string): Frame => ({ name, object: '/usr/lib/x86_64-linux-gnu/libc.so.6' });

/** One call per stack (outermost frame first; null for none), all of one thread. */
function profile(stacks: readonly (readonly (string | Frame)[] | null)[]): Trace {
  const trie = stackTrie();
  const nodes = stacks.map((stack) => (stack === null ? NO_STACK : trie.node(stack)));
  return {
    ...scriptedTrace(stacks.map((_, i) => ({ call: 'read', at: i }))),
    stack: Int32Array.from(nodes),
    stacks: trie.table(),
  };
}

/** The functions each call was made under, joined, and the coverage. */
function paths(trace: Trace): {
  readonly paths: string[];
  readonly symbolized: number;
  readonly grafted: number;
} {
  const tree = growingCallTree();
  const { contexts, coverage } = contextColumn(trace, tree, frameClassifier());
  return {
    paths: Array.from(contexts, (context) =>
      contextPath(tree, context)
        .map((fn) => tree.functions[fn]?.name)
        .join(' '),
    ),
    ...coverage,
  };
}

describe('growingCallTree', () => {
  it('has one context per path of functions, and depth and parent that agree with it', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.nat(3), { maxLength: 6 }), { maxLength: 20 }), (found) => {
        const tree = growingCallTree();
        const contexts = found.map((path) => path.reduce((at, fn) => tree.child(at, fn), ROOT_CONTEXT));
        const withoutRecursion = found.map((path) => path.filter((fn, i) => fn !== path[i - 1]));
        for (const [i, context] of contexts.entries()) {
          expect(contextPath(tree, context)).toEqual(withoutRecursion[i]);
          expect(tree.depth[context]).toBe(withoutRecursion[i]?.length);
          for (const [j, other] of contexts.entries()) {
            expect(context === other).toBe(withoutRecursion[i]?.join() === withoutRecursion[j]?.join());
            const [a, b] = [withoutRecursion[i] ?? [], withoutRecursion[j] ?? []];
            let shared = 0;
            while (shared < a.length && shared < b.length && a[shared] === b[shared]) shared++;
            expect(contextPath(tree, commonContext(tree, context, other))).toEqual(a.slice(0, shared));
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  it('tells functions of one name in two objects apart', () => {
    const tree = growingCallTree();
    const a = tree.internFunction({ name: 'init', object: 'a' });
    expect(tree.internFunction({ name: 'init', object: 'b' })).not.toBe(a);
    expect(tree.internFunction({ name: 'init', object: 'a' })).toBe(a);
  });
});

describe('contextColumn', () => {
  it('keeps the user-defined functions of each stack and leaves out the libraries', () => {
    const { paths: found, symbolized } = paths(
      profile([
        ['_start', libc('__libc_start_main'), 'main', 'serve', libc('read')],
        ['_start', 'main', libc('qsort'), 'compare', libc('write')],
        ['_start', libc('exit')],
      ]),
    );
    expect(found).toEqual(['main serve', 'main compare', '']);
    expect(symbolized).toBeCloseTo(2 / 3);
  });

  it('folds direct recursion into one context', () => {
    const { paths: found } = paths(
      profile([
        ['_start', 'main', 'walk'],
        ['_start', 'main', 'walk', 'walk', 'walk'],
        ['_start', 'main', 'walk', 'visit', 'walk'],
      ]),
    );
    expect(found).toEqual(['main walk', 'main walk', 'main walk visit walk']);
  });

  it('puts a cut stack under what the complete stacks before and after it share', () => {
    const { paths: found, grafted } = paths(
      profile([
        ['_start', 'main', 'loop', 'accept_client'],
        [libc('deep'), 'send_part'],
        ['_start', 'main', 'loop', 'answer', 'flush'],
      ]),
    );
    expect(found[1]).toBe('main loop send_part');
    expect(grafted).toBeCloseTo(1 / 3);
  });

  it('aligns a cut stack with the path above where its outermost function is on it', () => {
    const { paths: found } = paths(
      profile([
        ['_start', 'main', 'loop', 'answer', 'flush'],
        ['loop', 'answer', 'send_part'],
        ['_start', 'main', 'loop', 'answer', 'flush'],
      ]),
    );
    expect(found[1]).toBe('main loop answer send_part');
  });

  it('puts a call without any stack where the calls around it agree', () => {
    const { paths: found } = paths(
      profile([null, ['_start', 'main', 'loop'], null, ['_start', 'main', 'loop', 'tick'], null]),
    );
    expect(found).toEqual(['main loop', 'main loop', 'main loop', 'main loop tick', 'main loop tick']);
  });

  it('leaves cut stacks as they are where a thread has no complete one', () => {
    expect(paths(profile([['send_part'], null])).paths).toEqual(['send_part', '']);
  });

  it('has only the root for a trace without stacks', () => {
    const { contexts, coverage } = contextColumn(
      scriptedTrace([{ call: 'read', at: 0 }]),
      growingCallTree(),
      frameClassifier(),
    );
    expect([[...contexts], coverage]).toEqual([[ROOT_CONTEXT], { symbolized: 0, grafted: 0 }]);
  });

  it('takes the object of the program for its functions', () => {
    const tree = growingCallTree();
    contextColumn(profile([['_start', 'main']]), tree, frameClassifier());
    expect(tree.functions).toEqual([{ name: 'main', object: PROGRAM }]);
  });
});

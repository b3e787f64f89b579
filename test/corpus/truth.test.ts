import { describe, expect, it } from 'vitest';
import { matchesName, ownStack, relatedFunctions, stackShares } from '../../corpus/truth.ts';
import { readTrace } from '../../trace/open-trace.ts';
import type { Trace } from '../../trace/trace.ts';

const options = { callGraph: 'dwarf', ownObjects: ['/server'] };

async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** A stacked perf script: per call its stack, innermost first; `libc` is the C library's. */
async function stacked(calls: readonly (readonly string[])[]): Promise<Trace> {
  const lines = calls.flatMap((stack, i) => {
    const time = (10 + i / 100).toFixed(6);
    const frames = stack.map((name) =>
      name === 'libc' ? '\t    7f00 read (/usr/lib/libc.so.6)' : `\t    5500 ${name} (/opt/server)`,
    );
    return [
      `server 7/7 [000] ${time}: raw_syscalls:sys_enter: NR 0 (3, 0, 0, 0, 0, 0)`,
      ...frames,
      '',
      `server 7/7 [000] ${(10 + i / 100 + 0.001).toFixed(6)}: raw_syscalls:sys_exit: NR 0 = 1`,
      '',
    ];
  });
  const bytes = Buffer.from(`${lines.join('\n')}\n`);
  return readTrace(chunks(bytes), { stacks: true });
}

const loop = ['libc', 'read_all', 'serve', 'main'];
const other = ['libc', 'accept_one', 'main'];

describe('stacks of a run with the bug on', () => {
  it('gives own functions innermost first, without the libraries', async () => {
    const trace = await stacked([loop]);
    expect(ownStack(trace, 0, options)).toEqual(['read_all', 'serve', 'main']);
    expect(ownStack(trace, 0, { ...options, isOwn: (name) => name !== 'serve' })).toEqual([
      'read_all',
      'main',
    ]);
  });

  it('counts calls under the primary functions, their callers and callees', async () => {
    const shares = stackShares(await stacked([loop, loop, loop, other]), ['serve'], options);
    expect(shares).toMatchObject({ calls: 4, underPrimary: 3 });
    expect([...shares.callers]).toEqual([['main', 3]]);
    expect([...shares.callees]).toEqual([['read_all', 3]]);
    expect(shares.topStacks[0]).toEqual(['read_all < serve < main', 3]);
  });

  it('takes neighbours on the path whose rate rises as related, and never main', async () => {
    const anomaly = stackShares(await stacked(Array(50).fill(loop)), ['serve'], options);
    const normal = stackShares(await stacked([loop, ...Array(49).fill(other)]), ['serve'], options);
    expect(relatedFunctions(anomaly, normal, ['serve'], [])).toEqual(['read_all']);
    expect(relatedFunctions(anomaly, anomaly, ['serve'], ['by_hand'])).toEqual(['by_hand']);
    expect(relatedFunctions(anomaly, normal, ['serve'], ['by_hand'])).toEqual(['read_all']);
  });
});

describe('matchesName', () => {
  it.each([
    ['write_buffer', 'write_buffer', true],
    ['rewrite_buffer', 'write_buffer', false],
    ['write_buffer2', 'write_buffer', false],
    ['main.(*Server).serve', 'serve', true],
    ['Outer$Inner.run', 'Inner.run', false],
  ])('%s holds %s as a whole: %s', (name, truth, holds) => {
    expect(matchesName(name, truth)).toBe(holds);
  });
});

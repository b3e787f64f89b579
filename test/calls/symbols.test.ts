import { describe, expect, it } from 'vitest';
import { callsOf } from '../../calls/calls.ts';
import { DESCRIPTOR_MAKERS } from '../../calls/descriptors.ts';
import { callOfSymbol, callSymbol, MAX_SYMBOLS, symbolColumn } from '../../calls/symbols.ts';
import { NO_TRAIT, TRAIT_KINDS } from '../../calls/traits.ts';
import { NO_RESULT, OPEN, type Trace } from '../../trace/trace.ts';
import { type ScriptedCall, scriptedTrace } from '../trace/scripted-trace.ts';

describe('callSymbol', () => {
  it.each([
    [17, 'read'],
    [0, 'read=0'],
    [-11, 'read=EAGAIN'],
    [-32, 'read=EPIPE'],
    [-4_000, 'read=E4000'],
    [NO_RESULT, 'read?'],
  ])('gives result %i the class %s', (result, symbol) => {
    expect(callSymbol('read', result)).toBe(symbol);
    expect(callOfSymbol(symbol)).toBe('read');
  });
});

describe('symbolColumn', () => {
  const symbolsOf = (calls: readonly ScriptedCall[]) => {
    const { ids, symbols } = symbolColumn(scriptedTrace(calls));
    expect(symbols).toEqual([...new Set(symbols)]);
    return Array.from(ids, (id) => symbols[id]);
  };

  it('takes all positive results of a call for one symbol, and each errno for its own', () => {
    const results = [1, 4_096, 2 ** 31 - 1, 0, -11, -32];
    expect(symbolsOf(results.map((result, at) => ({ call: 'write', at, result })))).toEqual([
      'write',
      'write',
      'write',
      'write=0',
      'write=EAGAIN',
      'write=EPIPE',
    ]);
  });

  it('takes the kernel’s own restart codes for an interrupted call', () => {
    const results = [-511, -512, -513, -514, -516, -517];
    expect(symbolsOf(results.map((result, at) => ({ call: 'read', at, result })))).toEqual([
      'read=E511',
      'read=EINTR',
      'read=EINTR',
      'read=EINTR',
      'read=EINTR',
      'read=EPROBE_DEFER',
    ]);
  });

  it('keeps the results of one call apart from those of another', () => {
    const calls = ['read', 'write'].flatMap((call, i) =>
      [1, 0, -1, -4_095].map((result, at) => ({ call, at: 10 * i + at, result })),
    );
    const open = { call: 'read', at: 100, duration: OPEN };
    expect(symbolsOf([...calls, open])).toEqual([
      ...['read', 'read=0', 'read=EPERM', 'read=E4095'],
      ...['write', 'write=0', 'write=EPERM', 'write=E4095'],
      'read?',
    ]);
  });

  it('marks a call that did not return', () => {
    expect(symbolsOf([{ call: 'futex', at: 0, duration: OPEN }])).toEqual(['futex?']);
  });

  it('takes the symbols beyond what an id can number for one', () => {
    const calls = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ call: `c${i % 256}`, at: i, result: -Math.floor(i / 256) }));
    const at = symbolColumn(scriptedTrace(calls(MAX_SYMBOLS - 1)));
    expect([at.symbols.length, at.ids.at(-1)]).toEqual([MAX_SYMBOLS - 1, MAX_SYMBOLS - 2]);
    const over = symbolColumn(scriptedTrace(calls(MAX_SYMBOLS + 50)));
    expect(over.symbols.length).toBe(MAX_SYMBOLS);
    expect(over.symbols.at(-1)).toBe('other');
    expect([over.ids.at(-1), over.ids.at(-40)]).toEqual([MAX_SYMBOLS - 1, MAX_SYMBOLS - 1]);
  });
});

describe('traitColumns', () => {
  const traitsOf = (trace: Trace): string[][] => {
    const columns = callsOf(trace).traits;
    return Array.from({ length: trace.length }, (_, row) =>
      [...columns.ids.subarray(row * TRAIT_KINDS, (row + 1) * TRAIT_KINDS)]
        .filter((id) => id !== NO_TRAIT)
        .map((id) => columns.traits[id] as string),
    );
  };

  it('tells of a descriptor which call made it and which came before on it, until it is closed', () => {
    const traits = traitsOf(
      scriptedTrace([
        { call: 'openat', at: 0, result: 5 },
        { call: 'read', at: 1, fd: 5, result: 10 },
        { call: 'close', at: 2, fd: 5, result: 0 },
        { call: 'read', at: 3, fd: 5, result: 10 },
      ]),
    );
    expect(traits[1]).toEqual(expect.arrayContaining(['from openat', 'after openat']));
    expect(traits[2]).toEqual(expect.arrayContaining(['from openat', 'after read']));
    expect(traits[3]).toContain('from before');
    expect(traits[3]?.some((trait) => trait.startsWith('after'))).toBe(false);
  });

  it.each([...DESCRIPTOR_MAKERS.keys()])('tells that %s made a descriptor, where it did', (call) => {
    const traits = (result: number) =>
      traitsOf(
        scriptedTrace([
          { call, at: 0, result },
          { call: 'read', at: 1, fd: 5 },
        ]),
      )[1];
    expect(traits(5)).toEqual(expect.arrayContaining([`from ${call}`, `after ${call}`]));
    expect(traits(-24)).toContain('from before');
    expect(traits(-24)?.some((trait) => trait.startsWith('after'))).toBe(false);
  });

  it('tells how far into a loop a call is', () => {
    const loop = Array.from({ length: 9 }, (_, at) => ({ call: 'poll', at }));
    const rounds = traitsOf(scriptedTrace(loop)).map((traits) => traits.find((t) => t.startsWith('round')));
    expect(rounds).toEqual([1, 2, 2, 3, 3, 3, 3, 4, 4].map((round) => `round ${round}`));
  });

  it('tells nothing of the role of a thread without a name, nor of the descriptor of a call without one', () => {
    const threads = [{ pid: 1, tid: 1, comm: '' }];
    expect(traitsOf(scriptedTrace([{ call: 'getpid', at: 0 }], { threads }))).toEqual([['round 0']]);
  });

  it('takes neither a count of bytes nor the working directory for a descriptor', () => {
    const traits = traitsOf(
      scriptedTrace([
        { call: 'openat', at: 0, fd: -100, result: 5 },
        { call: 'read', at: 1, fd: 0, result: 5 },
        { call: 'read', at: 2, fd: 5 },
        { call: 'openat', at: 3, fd: -100, result: 6 },
        { call: 'write', at: 4, fd: 0 },
      ]),
    );
    const ofDescriptor = traits.map((own) => own.filter((trait) => /^(from|after)/.test(trait)));
    expect(ofDescriptor).toEqual([
      [],
      ['from before'],
      ['from openat', 'after openat'],
      [],
      ['from before', 'after read'],
    ]);
  });

  it('keeps the descriptors of two processes apart', () => {
    const traits = traitsOf(
      scriptedTrace(
        [
          { thread: 0, call: 'socket', at: 0, result: 5 },
          { thread: 1, call: 'read', at: 1, fd: 5 },
        ],
        {
          threads: [
            { pid: 1, tid: 1, comm: 'a' },
            { pid: 2, tid: 2, comm: 'b' },
          ],
        },
      ),
    );
    expect(traits[1]).toContain('from before');
  });

  it('takes threads of one role for one, whatever their number', () => {
    const threads = [4, 27].map((n) => ({ pid: 1, tid: n, comm: `worker-${n}` }));
    const traits = traitsOf(
      scriptedTrace(
        [
          { thread: 0, call: 'read', at: 0 },
          { thread: 1, call: 'read', at: 1 },
        ],
        { threads },
      ),
    );
    expect(traits).toEqual([
      expect.arrayContaining(['on worker-#']),
      expect.arrayContaining(['on worker-#']),
    ]);
  });
});

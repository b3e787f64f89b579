import { describe, expect, it } from 'vitest';
import { rowsByThread } from '../../calls/threads.ts';
import { scriptedTrace } from '../trace/scripted-trace.ts';

describe('rowsByThread', () => {
  it('gives each thread its rows in order, and threads without calls none', () => {
    const trace = scriptedTrace([2, 0, 2, 2, 0].map((thread, at) => ({ thread, call: 'read', at })));
    expect(rowsByThread(trace).map((rows) => [...rows])).toEqual([[1, 4], [], [0, 2, 3]]);
  });
});

import { describe, expect, it } from 'vitest';
import { eachDescriptorGap } from '../../calls/descriptors.ts';
import { requests } from '../../calls/requests.ts';
import { OPEN } from '../../trace/trace.ts';
import { type ScriptedCall, scriptedTrace } from '../trace/scripted-trace.ts';

const shown = (calls: readonly ScriptedCall[], endNs?: number) =>
  requests(scriptedTrace(calls, endNs === undefined ? {} : { endNs })).map(
    ({ received, answered, latencyNs }) => [received, answered, latencyNs],
  );

describe('requests', () => {
  it('counts from the return of the last receiving call to the first sending one', () => {
    expect(
      shown([
        { call: 'accept4', at: 0, result: 5 },
        { call: 'recvfrom', at: 1_000, duration: 500, fd: 5 },
        { call: 'recvfrom', at: 3_000, duration: 500, fd: 5 },
        { call: 'write', at: 9_500, fd: 5 },
        { call: 'write', at: 12_000, fd: 5 },
      ]),
    ).toEqual([[2, 3, 6_000]]);
  });

  it('passes over connections that the server itself opened', () => {
    expect(
      shown([
        { call: 'socket', at: 0, result: 5 },
        { call: 'read', at: 1, fd: 5 },
        { call: 'write', at: 5_000, fd: 5 },
      ]),
    ).toEqual([]);
    expect(
      shown([
        { call: 'write', at: 0, fd: 5 },
        { call: 'read', at: 2_000, fd: 5 },
        { call: 'write', at: 5_000, fd: 5 },
      ]),
    ).toEqual([]);
  });

  it('takes a connection that is older than the window for served where it first receives', () => {
    expect(
      shown([
        { call: 'read', at: 0, fd: 5 },
        { call: 'write', at: 5_000, fd: 5 },
      ]),
    ).toEqual([[0, 1, 4_000]]);
  });

  it('counts a request that nobody answered until the end of the window', () => {
    expect(shown([{ call: 'read', at: 0, fd: 5 }], 9_000)).toEqual([[0, -1, 8_000]]);
  });

  it('passes over receiving calls that brought nothing', () => {
    const results = [0, -11];
    for (const result of results) {
      expect(
        shown([
          { call: 'read', at: 0, fd: 5, result },
          { call: 'write', at: 5_000, fd: 5 },
        ]),
      ).toEqual([]);
    }
  });

  it('forgets the open requests of a process that ends', () => {
    expect(
      shown(
        [
          { call: 'read', at: 0, fd: 5 },
          { call: 'exit_group', at: 5_000, duration: OPEN },
        ],
        9_000,
      ),
    ).toEqual([]);
  });

  it('keeps the open requests of the processes that go on', () => {
    const threads = [1, 2].map((pid) => ({ pid, tid: pid, comm: '' }));
    const trace = scriptedTrace(
      [
        { thread: 0, call: 'read', at: 0, fd: 5 },
        { thread: 1, call: 'read', at: 1_000, fd: 5 },
        { thread: 0, call: 'exit_group', at: 5_000, duration: OPEN },
      ],
      { threads, endNs: 9_000 },
    );
    expect(requests(trace).map(({ received, answered }) => [received, answered])).toEqual([[1, -1]]);
  });

  it('gives them in the order they were received', () => {
    const calls = [3, 1, 2].flatMap((fd, i) => [
      { call: 'read', at: i * 10_000, fd },
      { call: 'write', at: 100_000 - i * 10_000, fd },
    ]);
    const received = shown(calls).map(([row]) => row as number);
    expect(received).toEqual(received.toSorted((a, b) => a - b));
  });
});

describe('eachDescriptorGap', () => {
  it('visits two calls that follow each other on one descriptor of one process, and starts anew when it is closed', () => {
    const trace = scriptedTrace(
      [
        { thread: 0, call: 'read', at: 0, fd: 5 },
        { thread: 1, call: 'read', at: 10_000, fd: 5 },
        { thread: 0, call: 'close', at: 1_001_000, fd: 5 },
        { thread: 0, call: 'read', at: 5_000_000, fd: 5 },
        { thread: 0, call: 'getpid', at: 6_000_000 },
      ],
      {
        threads: [
          { pid: 1, tid: 1, comm: 'a' },
          { pid: 2, tid: 2, comm: 'b' },
        ],
      },
    );
    const gaps: number[][] = [];
    eachDescriptorGap(trace, (...gap) => gaps.push(gap));
    expect(gaps).toEqual([[0, 2, 1_000_000]]);
  });

  it('has no time between calls that overlap', () => {
    const trace = scriptedTrace([
      { thread: 0, call: 'read', at: 0, fd: 0, duration: 9_000 },
      { thread: 1, call: 'write', at: 4_000, fd: 0 },
      { thread: 1, call: 'write', at: 5_500, fd: 0 },
    ]);
    const gaps: number[][] = [];
    eachDescriptorGap(trace, (...gap) => gaps.push(gap));
    expect(gaps).toEqual([
      [0, 1, 0],
      [1, 2, 500],
    ]);
  });
});

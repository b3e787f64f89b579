import { describe, expect, it } from 'vitest';
import { eachDescriptorGap } from '../../calls/descriptors.ts';
import { scriptedTrace } from '../trace/scripted-trace.ts';

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

  it('visits no calls without a descriptor, and those on descriptor zero', () => {
    const calls = [-1, -100, 0].flatMap((fd) => [0, 1].map((i) => ({ call: 'read', at: 10 * i - fd, fd })));
    const gaps: number[][] = [];
    const trace = scriptedTrace(calls.map((call) => ({ ...call, duration: 1 })));
    eachDescriptorGap(trace, (previous, row) =>
      gaps.push([trace.fd[previous] as number, trace.fd[row] as number]),
    );
    expect(gaps).toEqual([[0, 0]]);
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

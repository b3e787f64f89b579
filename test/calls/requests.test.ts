import { describe, expect, it } from 'vitest';
import { DESCRIPTOR_MAKERS } from '../../calls/descriptors.ts';
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

  it.each([...DESCRIPTOR_MAKERS])('takes what %s gave, if it did, for %s', (call, origin) => {
    const rows = (result: number) =>
      shown([
        { call: 'read', at: 0, fd: 5 },
        { call, at: 2_000, result },
        { call: 'read', at: 4_000, fd: 5 },
        { call: 'write', at: 6_000, fd: 5 },
      ]).map(([received]) => received);
    expect(rows(5)).toEqual(origin === 'opened' ? [] : [2]);
    expect(rows(-24)).toEqual([2]);
  });

  it('knows descriptor zero, and takes what has no descriptor for no connection', () => {
    const calls = (fd: number) => [
      { call: 'read', at: 0, fd },
      { call: 'write', at: 2_000, fd },
    ];
    expect(shown(calls(0))).toEqual([[0, 1, 1_000]]);
    expect(shown(calls(-1))).toEqual([]);
    expect(
      shown([
        { call: 'socket', at: 0, result: 0 },
        ...calls(0).map((call) => ({ ...call, at: call.at + 1 })),
      ]),
    ).toEqual([]);
  });

  it('forgets what was received on a descriptor whose number is given anew', () => {
    expect(
      shown(
        [
          { call: 'read', at: 0, fd: 5 },
          { call: 'accept4', at: 2_000, result: 5 },
        ],
        9_000,
      ),
    ).toEqual([]);
  });

  it.each(['connect', 'pipe2'])('knows that %s answers zero, which is no descriptor of its own', (call) => {
    expect(
      shown([
        { call: 'read', at: 0, fd: 0 },
        { call, at: 2_000, result: 0 },
        { call: 'write', at: 4_000, fd: 0 },
      ]),
    ).toEqual([[0, 2, 3_000]]);
  });

  it('keeps the descriptors of two processes apart', () => {
    const threads = [1, 2].map((pid) => ({ pid, tid: pid, comm: '' }));
    const trace = scriptedTrace(
      [
        { thread: 0, call: 'socket', at: 0, result: 5 },
        { thread: 1, call: 'read', at: 2_000, fd: 5 },
        { thread: 0, call: 'write', at: 4_000, fd: 5 },
        { thread: 1, call: 'write', at: 6_000, fd: 5 },
      ],
      { threads },
    );
    expect(requests(trace).map(({ received, answered }) => [received, answered])).toEqual([[1, 3]]);
  });

  it('takes a connection that is closed without an answer for answered by the close', () => {
    expect(
      shown([
        { call: 'read', at: 0, fd: 5 },
        { call: 'close', at: 3_000, fd: 5, result: 0 },
        { call: 'write', at: 9_000, fd: 5 },
        { call: 'close', at: 10_000, fd: 5, result: 0 },
      ]),
    ).toEqual([[0, 1, 2_000]]);
  });

  it('learns anew whose a descriptor is once it was closed', () => {
    expect(
      shown([
        { call: 'socket', at: 0, result: 5 },
        { call: 'close', at: 2_000, fd: 5, result: 0 },
        { call: 'read', at: 4_000, fd: 5 },
        { call: 'write', at: 6_000, fd: 5 },
      ]),
    ).toEqual([[2, 3, 1_000]]);
  });

  it('takes no failed sending call for an answer', () => {
    expect(
      shown([
        { call: 'read', at: 0, fd: 5 },
        { call: 'write', at: 2_000, fd: 5, result: -11 },
        { call: 'write', at: 3_000, fd: 5, result: 0 },
        { call: 'write', at: 4_000, fd: 5 },
      ]),
    ).toEqual([[0, 3, 3_000]]);
  });

  it.each([
    ['read', 'write'],
    ['readv', 'writev'],
    ['recvfrom', 'sendto'],
    ['recvmsg', 'sendmsg'],
    ['recvmmsg', 'sendmmsg'],
    ['read', 'sendfile'],
    ['read', 'sendfile64'],
    ['read', 'splice'],
  ])('takes %s for receiving and %s for sending', (receives, sends) => {
    expect(
      shown([
        { call: receives, at: 0, fd: 5 },
        { call: 'fstat', at: 2_000, fd: 5 },
        { call: sends, at: 4_000, fd: 5 },
      ]),
    ).toEqual([[0, 2, 3_000]]);
  });

  it('forgets the open requests of a process that becomes another program', () => {
    const calls = [
      { call: 'read', at: 0, fd: 5 },
      { call: 'execve', at: 5_000, result: 0 },
    ];
    expect(shown(calls, 9_000)).toEqual([]);
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

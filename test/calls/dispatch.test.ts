import { describe, expect, it } from 'vitest';
import { dispatchCalls } from '../../calls/dispatch.ts';
import { OPEN } from '../../trace/trace.ts';
import { type ScriptedCall, type ScriptedWindow, scriptedTrace } from '../trace/scripted-trace.ts';

/** The names of each thread's dispatch calls. */
function dispatchOf(calls: readonly ScriptedCall[], window: ScriptedWindow = {}): string[][] {
  const trace = scriptedTrace(calls, window);
  return dispatchCalls(trace).map((own) => [...own].map((call) => trace.callNames[call] as string).sort());
}

const waits = (call: string, count: number, duration: number, thread = 0): ScriptedCall[] =>
  Array.from({ length: count }, (_, i) => ({ thread, call, at: i * 1e9 + thread, duration }));

describe('dispatchCalls', () => {
  it('takes a call in which the thread waits at least five times', () => {
    expect(dispatchOf(waits('epoll_wait', 5, 1e6))).toEqual([['epoll_wait']]);
    expect(dispatchOf(waits('epoll_wait', 4, 1e6))).toEqual([[]]);
  });

  it('counts a wait from 200 µs on, and none that did not return', () => {
    expect(dispatchOf(waits('read', 5, 200_000))).toEqual([['read']]);
    expect(dispatchOf(waits('read', 5, 199_999))).toEqual([[]]);
    expect(dispatchOf(waits('read', 5, OPEN))).toEqual([[]]);
  });

  it('takes a call that holds a fifth of the waiting time, and none that holds less', () => {
    const besideWaitsOf = (ns: number) =>
      dispatchOf([...waits('epoll_wait', 8, 1e6), ...waits('futex', 8, ns)]);
    expect(besideWaitsOf(250_000)).toEqual([['epoll_wait', 'futex']]);
    expect(besideWaitsOf(249_999)).toEqual([['epoll_wait']]);
  });

  it('takes no wait for a disk or for memory, and does not count its time', () => {
    const disk = ['fsync', 'write', 'pread64', 'mmap', 'openat'].flatMap((call) => waits(call, 9, 50e6));
    expect(dispatchOf([...disk, ...waits('accept4', 5, 1e6)])).toEqual([['accept4']]);
  });

  it('judges a thread that never waited by its siblings of the same name and process, together', () => {
    const threads = [
      { pid: 1, tid: 1, comm: 'worker' },
      { pid: 1, tid: 2, comm: 'worker' },
      { pid: 1, tid: 3, comm: 'worker' },
      { pid: 1, tid: 4, comm: 'main' },
      { pid: 2, tid: 5, comm: 'worker' },
    ];
    const spinning = [0, 3, 4].map((thread) => ({ thread, call: 'read', at: 0 }));
    const few = [...waits('futex', 3, 1e6, 1), ...waits('futex', 2, 1e6, 2)];
    expect(dispatchOf([...few, ...spinning], { threads })).toEqual([['futex'], ['futex'], ['futex'], [], []]);
    const own = [...waits('futex', 9, 1e6, 1), ...waits('poll', 5, 1e6, 2)];
    expect(dispatchOf([...own, ...spinning], { threads })).toEqual([
      ['futex', 'poll'],
      ['futex'],
      ['poll'],
      [],
      [],
    ]);
  });
});

import { describe, expect, it } from 'vitest';
import { blamelessWindows } from '../../corpus/blameless-windows.ts';
import { callsByWindow, caseWindows } from '../../corpus/case-windows.ts';
import { healthyWindows } from '../../corpus/healthy-windows.ts';
import { readTrace } from '../../trace/open-trace.ts';

async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

describe('the windows of a case', () => {
  const recording = { start: 100, end: 142 };

  it('are the whole, the part after the onset, and the part with five seconds of it', () => {
    expect(caseWindows(recording, 120)).toEqual([
      { name: 'onset-inside', fromSeconds: 100, toSeconds: 142 },
      { name: 'onset-before', fromSeconds: 120.5, toSeconds: 142 },
      { name: 'onset-last', fromSeconds: 100, toSeconds: 125 },
    ]);
  });

  it('never reach beyond the recording', () => {
    for (const { fromSeconds, toSeconds } of caseWindows(recording, 141.8)) {
      expect(fromSeconds).toBeLessThanOrEqual(toSeconds);
      expect(toSeconds).toBeLessThanOrEqual(142);
    }
  });

  it('crop a trace to the calls that were entered within them', async () => {
    const lines = Array.from({ length: 42 }, (_, i) => [
      `srv 7/7 [000] ${(100 + i).toFixed(6)}: raw_syscalls:sys_enter: NR 0 (3, 0, 0, 0, 0, 0)`,
      `srv 7/7 [000] ${(100 + i + 0.5).toFixed(6)}: raw_syscalls:sys_exit: NR 0 = 1`,
    ]).flat();
    const trace = await readTrace(chunks(Buffer.from(`${lines.join('\n')}\n`)));
    const counts = Object.values(callsByWindow(trace, recording, 120));
    expect(counts).toEqual([42, 21, 25]);
  });
});

describe('windows that every server is recorded in', () => {
  const options = { mixes: ['reads'], housekeeping: { reload: { do: 'signal', signal: 'SIGHUP' } } } as const;

  it('have names of their own and steps inside', () => {
    const windows = healthyWindows(options);
    expect(new Set(windows.map(({ id }) => id)).size).toBe(windows.length);
    for (const { seconds, steps } of windows) for (const { at } of steps) expect(at).toBeLessThan(seconds);
  });

  it('grow by two shapes a mix and one a housekeeping job, twice each', () => {
    const more = healthyWindows({ mixes: ['reads', 'writes'], housekeeping: options.housekeeping });
    expect(more.length - healthyWindows(options).length).toBe(4);
    expect(healthyWindows(options).filter(({ id }) => id.startsWith('reload'))).toHaveLength(2);
  });

  it('blame nobody from twenty seconds on, and end what is a pause', () => {
    const [slow, paused] = blamelessWindows(['upstream-slow', 'paused']);
    expect(slow).toMatchObject({ fault: 'upstream-slow', faultAt: 20, kinds: ['outside'] });
    expect(paused?.steps.map(({ at }) => at)).toEqual([20, 25]);
  });
});

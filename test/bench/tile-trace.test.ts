import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { tileTrace } from '../../bench/tile-trace.ts';
import { readTrace } from '../../trace/open-trace.ts';
import { OPEN } from '../../trace/trace.ts';

async function* fixture(): AsyncGenerator<Uint8Array> {
  yield readFileSync(new URL('../fixtures/trace/redis-stacks.perf-script.gz', import.meta.url));
}

it('makes a longer trace of the same make', async () => {
  const trace = await readTrace(fixture(), { stacks: true });
  const tiled = tileTrace(trace, 3);
  expect(tiled.length).toBe(3 * trace.length);
  expect(tiled.window.endNs).toBe(3 * (trace.window.endNs + 1) - 1);
  for (let row = 1; row < tiled.length; row++) {
    expect(tiled.enterNs[row]).toBeGreaterThanOrEqual(tiled.enterNs[row - 1] ?? 0);
  }
  expect([...tiled.call.subarray(trace.length, 2 * trace.length)]).toEqual([...trace.call]);
  const open = (durations: Float64Array): number => durations.filter((duration) => duration === OPEN).length;
  expect(open(trace.durationNs)).toBeGreaterThan(0);
  expect(open(tiled.durationNs)).toBe(open(trace.durationNs));
  expect(tiled.switches?.timeNs.length).toBe(3 * (trace.switches?.timeNs.length ?? 0));
  expect(tileTrace(trace, 1)).toEqual(trace);
});

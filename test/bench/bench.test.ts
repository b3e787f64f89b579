import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { median } from '../../bench/benchmark.ts';
import { commandCpuSeconds, ownCpuSeconds } from '../../bench/cpu-time.ts';
import { growthExponent } from '../../bench/inference.ts';
import { stageShares } from '../../bench/stage-shares.ts';

const bench = (args: readonly string[]) =>
  spawnSync(process.execPath, [fileURLToPath(new URL('../../bench/bench.ts', import.meta.url)), ...args], {
    encoding: 'utf8',
  });

it('lists the benchmarks, and takes a name that it does not know for wrong usage', () => {
  expect(bench(['--help'])).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/decode[\s\S]*inference[\s\S]*mining/),
  });
  expect(bench(['nothing'])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('no benchmark is called nothing'),
  });
  expect(bench(['decode', '--rounds', '0'])).toMatchObject({ status: 2 });
  expect(bench([])).toMatchObject({ status: 2 });
});

it('skips with a reason what it cannot measure, in the form that others read', () => {
  const { status, stdout } = bench(['mining', '--json', '--cases', '/nowhere']);
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    bench: 'mining',
    figures: { eventsPerCpuSecond: null, patterns: null },
    skipped: [{ figure: 'all', reason: expect.stringContaining('/nowhere holds no case') }],
    machine: expect.objectContaining({ cpus: expect.any(Number), node: process.version }),
  });
});

it('takes the middle of the measured values', () => {
  expect([median([3, 1, 2]), median([4, 1, 3, 2]), median([7])]).toEqual([2, 2.5, 7]);
  expect(median([])).toBeNaN();
});

it('tells CPU time from waiting, here and in another process', async () => {
  const spin = 'for (const end = process.cpuUsage().user + 2e5; process.cpuUsage().user < end; );';
  expect(commandCpuSeconds(process.execPath, ['-e', spin])).toBeGreaterThan(0.2);
  const waiting = await ownCpuSeconds(() => new Promise((resolve) => setTimeout(resolve, 300)));
  expect(waiting).toBeLessThan(0.3);
  expect(() => commandCpuSeconds('false', [])).toThrow(/exit code 1/);
});

it('finds the exponent of a power law', () => {
  expect(growthExponent([1, 2, 4], [3, 6, 12])).toBeCloseTo(1, 9);
  expect(growthExponent([10, 20, 40], [1, 4, 16])).toBeCloseTo(2, 9);
});

it('shares out time over what the root function calls', async () => {
  const burn = (milliseconds: number): number => {
    let sum = 0;
    for (const end = process.cpuUsage().user + milliseconds * 1000; process.cpuUsage().user < end; ) sum++;
    return sum;
  };
  const long = (): number => burn(300);
  const short = (): number => burn(60);
  const root = (): number => long() + short();
  const shares = await stageShares('root', async () => root());
  expect(Object.keys(shares).slice(0, 2)).toEqual(['long', 'short']);
  expect(shares.long).toBeGreaterThan(2 * (shares.short ?? 1));
});

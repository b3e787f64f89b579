import { createReadStream, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readTrace } from '../../trace/open-trace.ts';
import { readTraceFile } from '../../trace/read-trace-file.ts';
import { NO_STACK, OPEN, type Trace } from '../../trace/trace.ts';
import { realSamples } from './examples.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'perfscope-test-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const SHOWN_CALLS = 12;

/** A trace in some lines: enough that a call read otherwise, lost or put on another thread changes one of them. */
function summary(trace: Trace): string {
  const calls = new Map<string, { count: number; failed: number; durationNs: number }>();
  let open = 0;
  let switches = 0;
  let descriptors = 0;
  for (let row = 0; row < trace.length; row++) {
    const name = trace.callNames[trace.call[row] as number] ?? '?';
    const own = calls.get(name) ?? { count: 0, failed: 0, durationNs: 0 };
    calls.set(name, own);
    own.count++;
    if ((trace.fd[row] as number) >= 0) descriptors++;
    if (row > 0 && trace.thread[row] !== trace.thread[row - 1]) switches++;
    const duration = trace.durationNs[row] as number;
    if (duration === OPEN) {
      open++;
      continue;
    }
    own.durationNs += duration;
    if ((trace.result[row] as number) < 0) own.failed++;
  }
  const most = [...calls].sort((a, b) => b[1].count - a[1].count || (a[0] < b[0] ? -1 : 1));
  const { startSeconds, endNs, coveredFromNs } = trace.window;
  const stacked = trace.stack?.reduce((sum, node) => sum + (node === NO_STACK ? 0 : 1), 0) ?? 0;
  return `${[
    `${trace.format}, ${trace.architecture}`,
    `window: ${startSeconds.toFixed(6)} s, ${milliseconds(endNs)}, covered from ${milliseconds(coveredFromNs)}`,
    `calls: ${trace.length}, ${open} open, ${descriptors} with a descriptor, ${stacked} with a stack`,
    `threads: ${trace.threads.length}, ${switches} times another one than in the call before`,
    `context switches: ${trace.switches?.timeNs.length ?? 'not in the trace'}`,
    `frames: ${trace.stacks?.frames.length ?? 0}`,
    `lost: ${trace.losses.length} times`,
    ...trace.skips.map((skip) => `skipped: ${skip.count} × ${skip.reason} (${skip.severity})`),
    ...most
      .slice(0, SHOWN_CALLS)
      .map(
        ([name, { count, failed, durationNs }]) =>
          `  ${name}: ${count}, ${failed} failed, ${milliseconds(durationNs)}`,
      ),
  ].join('\n')}\n`;
}

function milliseconds(ns: number): string {
  return `${(ns / 1e6).toFixed(3)} ms`;
}

/** Column by column, bit by bit; the matcher of equality takes seconds for columns of this length. */
function expectSame(trace: Trace, expected: Trace): void {
  const keys = Object.keys(expected) as (keyof Trace)[];
  expect(keys.filter((key) => !isDeepStrictEqual(trace[key], expected[key]))).toEqual([]);
  expect(Object.keys(trace)).toEqual(keys);
}

/** A name that says the wrong format and compression of everything that the samples are. */
function lyingName(path: string): string {
  return path.includes('strace') ? 'trace.perf-script.zst' : 'strace.json';
}

/** The sample reads as its snapshot says, and the same without a name, without an ending, and under a wrong one. */
async function checkSample(name: string, path: string): Promise<void> {
  const stacks = true;
  const trace = await readTraceFile(path, { name: path, stacks });
  await expect(summary(trace)).toMatchFileSnapshot(`golden/samples/${name}.txt`);
  expectSame(await readTrace(createReadStream(path), { stacks }), trace);
  for (const hidden of ['x', lyingName(path)]) {
    const link = join(folder, hidden);
    symlinkSync(path, link);
    expectSame(await readTraceFile(link, { name: link, stacks }), trace);
    rmSync(link);
  }
}

it.each(realSamples())('$name reads as its snapshot says, whatever the file is called', ({ name, path }) =>
  checkSample(name, path),
);

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTraceFile } from '../../trace/read-trace-file.ts';
import type { Trace } from '../../trace/trace.ts';

/** Five processes, a pipe, a child that is killed while it waits. */
const WORK = 'head -c 20000 /dev/zero | wc -c; sleep 30 & sleep 0.3; kill $!; wait';

const works = (command: string, args: readonly string[]): boolean => spawnSync(command, args).status === 0;

const canStrace = works('strace', ['-o', '/dev/null', 'true']);
const canPerf = works('perf', ['record', '-q', '-e', 'raw_syscalls:sys_enter', '-o', '/dev/null', 'true']);

function counts(trace: Trace): Record<string, number> {
  const result: Record<string, number> = {};
  for (const kind of trace.call) {
    const name = trace.callNames[kind] ?? '';
    result[name] = (result[name] ?? 0) + 1;
  }
  return result;
}

const troubles = (trace: Trace) => trace.skips.filter(({ severity }) => severity !== 'info');

describe('what this machine’s own tools record', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'perfscope-test-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.skipIf(!canStrace).each([
    ['to a file', ['-o']],
    ['to standard error', []],
  ])('is read without a doubt from strace %s', async (_, output) => {
    const path = join(folder, 'live.strace');
    const run = spawnSync(
      'strace',
      ['-f', '-ttt', '-T', ...output.flatMap((flag) => [flag, path]), 'sh', '-c', WORK],
      {
        encoding: 'utf8',
      },
    );
    if (output.length === 0) writeFileSync(path, run.stderr);
    const trace = await readTraceFile(path);
    expect(troubles(trace)).toEqual([]);
    // Every call stands in the text once with its arguments: at its beginning.
    const begun = readFileSync(path, 'utf8').matchAll(/^(?:\[pid +\d+\] |\d+ +)?\d+\.\d+ (\w+)\(/gm);
    const expected: Record<string, number> = {};
    for (const [, name = ''] of begun) expected[name] = (expected[name] ?? 0) + 1;
    expect(counts(trace)).toEqual(expected);
    expect(trace.threads.map(({ tid }) => tid)).not.toContain(0);
    expect(trace.threads).toHaveLength(5);
    expect([...trace.durationNs].every(Number.isFinite)).toBe(true);
  });

  it.skipIf(!canPerf)('is read without a loss from perf', async () => {
    const data = join(folder, 'perf.data');
    const path = join(folder, 'live.perf-script');
    const events = 'raw_syscalls:sys_enter,raw_syscalls:sys_exit,sched:sched_switch';
    spawnSync('perf', ['record', '-q', '-e', events, '-o', data, '--', 'sh', '-c', WORK]);
    const fields = 'comm,pid,tid,cpu,time,event,trace';
    const { stdout } = spawnSync('perf', ['script', '-F', fields, '-i', data], { encoding: 'utf8' });
    writeFileSync(path, stdout);
    const trace = await readTraceFile(path);
    expect(troubles(trace)).toEqual([]);
    expect(trace.length).toBe([...stdout.matchAll(/sys_enter: NR \d/g)].length);
    expect(trace.switches?.timeNs.length).toBe([...stdout.matchAll(/sched_switch:/g)].length);
    expect(trace.threads.map(({ comm }) => comm)).toEqual(
      expect.arrayContaining(['sh', 'head', 'wc', 'sleep']),
    );
    // Only the killed child was in a call at its end, and that ended with it.
    expect([...trace.durationNs].every(Number.isFinite)).toBe(true);
  });
});

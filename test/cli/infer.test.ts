import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { perfscope, startPerfscope } from './run-perfscope.ts';
import { spinningServer } from './spinning-server.ts';

describe('perfscope infer', () => {
  let folder: string;
  let trace: string;
  const text = spinningServer(40, 20);
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'perfscope-test-'));
    trace = join(folder, 'incident');
    writeFileSync(trace, text);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('prints what is abnormal and since when, without any signatures', async () => {
    const { exitCode, stdout, stderr } = await perfscope(['infer', trace]);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^SPIN .*since (39\.|40)/);
    expect(stdout).toContain('Suspects: none can be named without signatures');
  });

  it('gives byte-identical reports, twice and for plain, gzip and zstd', async () => {
    const reports: string[] = [];
    for (const [name, bytes] of [
      ['a', Buffer.from(text)],
      ['a', Buffer.from(text)],
      ['b', gzipSync(text)],
      ['c', zstdCompressSync(text)],
    ] as const) {
      const path = join(folder, name);
      writeFileSync(path, bytes);
      const json = join(folder, 'report.json');
      expect(await perfscope(['infer', path, '--json', json])).toMatchObject({ exitCode: 0 });
      reports.push(readFileSync(json, 'utf8'));
    }
    expect(new Set(reports).size).toBe(1);
    expect(JSON.parse(reports[0] ?? '')).toMatchObject({ schema: 'perfscope.report/1', verdict: 'spin' });
  });

  it('writes nothing but JSON to standard output with --json -, and reads standard input', async () => {
    const { exitCode, stdout, stderr } = await perfscope(['infer', '-', '--json', '-'], {
      input: gzipSync(text),
    });
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'spin', window: { format: 'perf-script' } });
  });

  it('writes the report as a page', async () => {
    const page = join(folder, 'report.html');
    const { exitCode, stdout } = await perfscope(['infer', trace, '--html', page]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^SPIN/);
    expect(readFileSync(page, 'utf8')).toMatch(/^<!doctype html>[\s\S]*shopd/);
  });

  it('reports what a cut gzip file still holds, and says with exit code 1 that it is cut', async () => {
    const cut = join(folder, 'cut');
    const whole = gzipSync(text);
    writeFileSync(cut, whole.subarray(0, Math.floor(whole.length * 0.8)));
    const { exitCode, stdout, stderr } = await perfscope(['infer', cut]);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('Window: ');
    expect(stderr).toMatch(/ends early or is damaged; expected a whole file.*perf script/);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('is done with exit code 0 where all is normal', async () => {
    const normal = join(folder, 'normal');
    writeFileSync(normal, spinningServer(60, 0));
    const { exitCode, stdout } = await perfscope(['infer', normal]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^NORMAL/);
  });

  it.each([
    ['an empty file', Buffer.alloc(0), /the file is empty; expected/],
    ['a binary', Buffer.from([0, 1, 2, 0, 0]), /binary data of no known kind; expected/],
    ['prose', Buffer.from('no trace\nat all\n'), /text of no known kind; expected/],
    ['a cut gzip file', gzipSync('x'.repeat(1000)).subarray(0, 15), /gzip data that ends early/],
  ])(
    'refuses %s in one line that names the command to record with, exit code 1',
    async (_, bytes, message) => {
      const path = join(folder, 'bad');
      writeFileSync(path, bytes);
      const { exitCode, stdout, stderr } = await perfscope(['infer', path]);
      expect([exitCode, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(message);
      expect(stderr).toMatch(/perf script|strace -f/);
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    },
  );

  it.each([
    ['is missing', null, /no such file; expected a signature set: perfscope mine/],
    ['is no JSON', Buffer.from('signatures'), /not JSON/],
    ['is other JSON', Buffer.from('{}'), /not a valid perfscope\.signatures\/1/],
    ['is cut', gzipSync('{}'.repeat(100)).subarray(0, 14), /cut or damaged/],
  ])('refuses a signature set that %s in one line, exit code 1', async (_, bytes, message) => {
    const path = join(folder, 'signatures.json');
    rmSync(path, { force: true });
    if (bytes !== null) writeFileSync(path, bytes);
    const { exitCode, stdout, stderr } = await perfscope(['infer', trace, '--signatures', path]);
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('ends quietly when nobody reads its output any more', async () => {
    const child = startPerfscope(['infer', trace, '--json', '-']);
    let stderr = '';
    child.stderr?.on('data', (chunk) => {
      stderr += chunk;
    });
    child.stdout?.destroy();
    const exitCode = await new Promise((resolve) => child.on('close', resolve));
    expect([exitCode, stderr]).toEqual([0, '']);
  });
});

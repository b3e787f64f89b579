import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseSignatureSet } from '../../signatures/signature-set.ts';
import { perfscope, startPerfscope } from './run-perfscope.ts';

const profile = fileURLToPath(new URL('../fixtures/trace/redis-stacks.perf-script.gz', import.meta.url));
const strace = fileURLToPath(new URL('../fixtures/trace/jetty.strace.gz', import.meta.url));

/** The set names its profiles by their files, which differ here. */
function withoutProfileName(set: string): string {
  return set.replace(/\{"name":"[^"]*","calls"/, '{"calls"');
}

describe('perfscope mine', () => {
  let folder: string;
  let output: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'perfscope-test-'));
    output = join(folder, 'signatures.json');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const mine = (args: readonly string[]) => perfscope(['mine', '--service', 'redis', '-o', output, ...args]);

  it('writes the signature set of its profiles and says in a line what is in it', async () => {
    const { exitCode, stdout, stderr } = await mine([profile, '--build', '7.0.0']);
    expect([exitCode, stdout]).toEqual([0, '']);
    expect(stderr).toMatch(/^\d+ functions' signatures of redis from \d+ system calls in 1 profile\n$/);
    const set = parseSignatureSet(readFileSync(output, 'utf8'));
    expect([set.service, set.build]).toEqual(['redis', '7.0.0']);
    expect(set.functions.map(({ name }) => name)).toContain('get_proc_stat_ll');
    expect(readdirSync(folder)).toEqual(['signatures.json']);
  });

  it('gives the same bytes for plain, gzip and zstd copies of a profile, to a file and to standard output', async () => {
    const plain = join(folder, 'p');
    const zstd = join(folder, 'z');
    writeFileSync(plain, gunzipSync(readFileSync(profile)));
    writeFileSync(zstd, zstdCompressSync(readFileSync(plain)));
    const sets: string[] = [];
    for (const path of [profile, plain, zstd]) {
      const { stdout } = await perfscope(['mine', '--service', 'redis', '-o', '-', path]);
      sets.push(withoutProfileName(stdout));
    }
    expect(new Set(sets).size).toBe(1);
    await mine([profile, '-o', `${output}.gz`]);
    expect(withoutProfileName(gunzipSync(readFileSync(`${output}.gz`)).toString())).toBe(sets[0]);
  });

  it.each([
    ['a missing file', 'no-such-file', /no such file/],
    ['a text without stacks', strace, /no call stacks/],
    ['what is no trace', fileURLToPath(import.meta.url), /text of no known kind; expected .*perf record/],
  ])('refuses %s in one line with exit code 1 and writes nothing', async (_, path, message) => {
    const { exitCode, stdout, stderr } = await mine([path]);
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('leaves out further libraries that the user names, and refuses a list it does not understand', async () => {
    const libraries = join(folder, 'libraries.json');
    writeFileSync(libraries, JSON.stringify({ functions: ['^get_proc'] }));
    await mine([profile, '--libraries', libraries]);
    const names = parseSignatureSet(readFileSync(output, 'utf8')).functions.map(({ name }) => name);
    expect(names.filter((name) => name.startsWith('get_proc'))).toEqual([]);
    for (const text of ['{"function": []}', '{"functions": [1]}', '[]', '{']) {
      writeFileSync(libraries, text);
      expect(await mine([profile, '--libraries', libraries])).toMatchObject({
        exitCode: 1,
        stderr: expect.stringMatching(/libraries\.json: .*expected JSON such as/),
      });
    }
  });

  it('says so where the output cannot be written', async () => {
    const { exitCode, stderr } = await mine([profile, '-o', join(folder, 'no', 'folder.json')]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('cannot be written (ENOENT)');
  });

  it('ends at once and quietly on Ctrl-C, with the old file in place', async () => {
    writeFileSync(output, 'old');
    // Standard input that does not end holds the command in the middle of its work.
    const child = startPerfscope(['mine', '--service', 'redis', '-o', output, '-']);
    let stderr = '';
    child.stderr?.on('data', (chunk) => {
      stderr += chunk;
    });
    // More than a pipe holds: once it is written, the command is reading.
    const text = gunzipSync(readFileSync(profile));
    await new Promise((resolve) => child.stdin?.write(Buffer.concat([text, text, text]), resolve));
    child.kill('SIGINT');
    const [exitCode, signal] = await once(child, 'close');
    expect(exitCode === 130 || signal === 'SIGINT').toBe(true);
    expect(stderr).toBe('');
    expect(readdirSync(folder)).toEqual(['signatures.json']);
    expect(readFileSync(output, 'utf8')).toBe('old');
  });
});

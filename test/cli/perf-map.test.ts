import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { register } from '../../cli/commands/perf-map.ts';
import { InputError } from '../../cli/input-error.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'perf-map-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function run(...args: string[]): Promise<void> {
  const program = new Command().exitOverride();
  register(program);
  await program.parseAsync(['perf-map', ...args], { from: 'user' });
}

describe('perfscope perf-map', () => {
  it('replaces the map in place and leaves no draft behind', async () => {
    const map = join(directory, 'perf-1.map');
    await writeFile(map, '1000 40 JS:~old a.js:1:1\n1000 40 JS:*new b.js:2:2\n');
    await run(map);
    expect(await readFile(map, 'utf8')).toBe('1000 40 JS:*new b.js:2:2\n');
    expect(await readdir(directory)).toEqual(['perf-1.map']);
  });

  it('leaves the map alone when told to write elsewhere', async () => {
    const map = join(directory, 'perf-1.map');
    const other = join(directory, 'newest.map');
    await writeFile(map, '1000 40 old\n1000 40 new\n');
    await run(map, '--output', other);
    expect(await readFile(map, 'utf8')).toBe('1000 40 old\n1000 40 new\n');
    expect(await readFile(other, 'utf8')).toBe('1000 40 new\n');
  });

  it('refuses a file without entries and says how to start the server', async () => {
    const map = join(directory, 'perf-1.map');
    await writeFile(map, 'not a map\n');
    await expect(run(map)).rejects.toThrow(InputError);
    await expect(run(map)).rejects.toThrow(/--perf-basic-prof/);
    expect(await readFile(map, 'utf8')).toBe('not a map\n');
  });

  it('says what it expected where there is no map', async () => {
    await expect(run(join(directory, 'none.map'))).rejects.toThrow(/expected the perf map of a process/);
  });
});

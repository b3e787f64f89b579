import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it } from 'vitest';
import { lock, lockHolder, tryLock } from '../../shipper/lock.ts';
import { stopped } from './node-under-test.ts';

const missing = spawnSync('flock', ['--version']).status === 0 ? null : 'flock is not installed';
const MODULE = new URL('../../shipper/lock.ts', import.meta.url).pathname;

/** Takes the lock, says so, and keeps it until it is ended. */
const HOLDER = `
const { tryLock } = await import(${JSON.stringify(MODULE)});
console.log((await tryLock(process.argv[1])) === null ? 'refused' : 'holds');
process.stdin.resume();`;

const started: ChildProcess[] = [];
let count = 0;
const freshName = () => `test/${process.pid}/${count++}`;

/** A process that has tried, and what came of it. */
async function contender(name: string): Promise<{ child: ChildProcess; answer: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, name], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  started.push(child);
  const answer = await new Promise<string>((resolve) =>
    createInterface({ input: child.stdout! }).once('line', resolve),
  );
  return { child, answer };
}

describe.skipIf(missing !== null)(`a lock${missing === null ? '' : ` (skipped: ${missing})`}`, () => {
  afterEach(async () => {
    await Promise.all(started.splice(0).map((child) => stopped(child)));
  });

  it('is held by one, and free when that one lets go', async () => {
    const name = freshName();
    const first = await tryLock(name);
    expect(first).not.toBeNull();
    expect(await tryLock(name)).toBeNull();
    expect(lockHolder(name)).toBe(process.pid);
    first?.release();
    first?.release();
    const second = await tryLock(name);
    expect(second).not.toBeNull();
    second?.release();
    expect(lockHolder(name)).toBeNull();
  });

  it('is free in the moment its holder is killed', async () => {
    const name = freshName();
    const { child, answer } = await contender(name);
    expect(answer).toBe('holds');
    expect(lockHolder(name)).toBe(child.pid);
    expect(await tryLock(name)).toBeNull();
    await stopped(child, 'SIGKILL');
    const held = await tryLock(name);
    expect(held).not.toBeNull();
    held?.release();
  });

  it('goes to exactly one of twenty processes that race for it, also after a kill', async () => {
    const name = freshName();
    const victim = await contender(name);
    await stopped(victim.child, 'SIGKILL');
    const race = await Promise.all(Array.from({ length: 20 }, () => contender(name)));
    expect(race.filter(({ answer }) => answer === 'holds')).toHaveLength(1);
  });

  it('keeps those apart who take turns', async () => {
    const name = freshName();
    let inside = 0;
    const turn = async () => {
      const held = await lock(name);
      expect(++inside).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      inside--;
      held.release();
    };
    await Promise.all(Array.from({ length: 8 }, turn));
  });

  it('says whom it waits for, and gives up when its patience is over', async () => {
    const name = freshName();
    const { child } = await contender(name);
    const said: string[] = [];
    const waiting = lock(name, { report: (line) => said.push(line), patienceSeconds: 1.5 });
    await expect(waiting).rejects.toThrow(`process ${child.pid}, which works on ${name}`);
    expect(said).toEqual([`waiting for process ${child.pid}, which works on ${name}`]);
  });
});

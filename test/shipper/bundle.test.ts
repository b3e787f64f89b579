import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = new URL('../..', import.meta.url).pathname;

describe('the single file for nodes', () => {
  let folder: string;
  let file: string;

  beforeAll(() => {
    execFileSync(process.execPath, ['shipper/bundle.ts'], { cwd: ROOT });
    folder = mkdtempSync(join(tmpdir(), 'perfscope-bundle-'));
    // Alone, where no node_modules is near.
    file = join(folder, 'perfscope');
    copyFileSync(join(ROOT, 'dist/perfscope-node.cjs'), file);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('runs by itself and knows the commands of a node', () => {
    const help = execFileSync(process.execPath, [file, '--help'], { cwd: folder, encoding: 'utf8' });
    for (const command of ['record', 'ship', 'disarm', 'check']) expect(help).toContain(`  ${command} `);
  });

  it('says what this node can do', () => {
    const text = execFileSync('sh', ['-c', `"${process.execPath}" "${file}" check --json || true`], {
      cwd: folder,
      encoding: 'utf8',
    });
    const { findings } = JSON.parse(text) as { findings: { ok: boolean; remedy: string }[] };
    expect(findings.length).toBeGreaterThan(4);
    for (const { ok, remedy } of findings) expect(ok || remedy.length > 20).toBe(true);
  });

  it('takes an incident without a recording for bad input, and says what to do', () => {
    const state = ['--state', join(folder, 'state'), '--spool', join(folder, 'spool')];
    const run = () =>
      execFileSync(process.execPath, [file, 'ship', '--incident', 'i', ...state], { stdio: 'pipe' });
    expect(run).toThrow(/nothing is armed: arm it by «perfscope record/);
  });
});

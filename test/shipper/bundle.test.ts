import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** The oldest that nodes may have, where this machine has one beside the one that runs the tests. */
const node20 = ['/usr/bin/node', '/usr/local/bin/node'].find(
  (path) => spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout?.startsWith('v20.') === true,
);

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

  it.skipIf(node20 === undefined)(
    `sends with Node.js 20, and nothing but its own words${node20 === undefined ? ' (skipped: no Node.js 20)' : ''}`,
    () => {
      // A kept trace and no S3: the SDK is loaded, and would now tell of its future versions.
      const spool = join(folder, 'node20');
      const kept = join(spool, 'service', 'outgoing', 'incident');
      mkdirSync(kept, { recursive: true });
      writeFileSync(join(kept, 'trace'), 'trace');
      const progress = {
        bucket: 'b',
        key: 'k',
        contentType: 't',
        metadata: {},
        file: 'trace',
        uploadId: null,
      };
      writeFileSync(join(kept, 'upload.json'), JSON.stringify({ ...progress, parts: [] }));
      const options = ['ship', '--pending', '--patience', '0', '--spool', spool, '--state', spool];
      const env = {
        AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'test',
        AWS_SECRET_ACCESS_KEY: 'test',
      };
      const { status, stderr } = spawnSync(node20!, [file, ...options], { env, encoding: 'utf8' });
      expect(status).toBe(1);
      expect(stderr.trim().split('\n')).toEqual([
        expect.stringMatching(/^still kept: .*ECONNREFUSED/),
        expect.stringContaining('one trace is still here'),
      ]);
    },
  );
});

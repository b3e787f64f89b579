import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'perfscope-synth-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Nothing of this machine's AWS settings, no Docker, and a proxy that nobody answers at: no network either. */
const BARE = {
  PATH: `${join(ROOT, 'node_modules/.bin')}:/usr/bin:/bin`,
  HOME: scratch,
  CDK_DOCKER: '/bin/false',
  HTTPS_PROXY: 'http://127.0.0.1:1',
  HTTP_PROXY: 'http://127.0.0.1:1',
};

function synth(...args: string[]) {
  const out = join(scratch, `out-${args.length}`);
  const { status, stderr } = spawnSync('cdk', ['synth', '--quiet', '--output', out, ...args], {
    cwd: ROOT,
    env: BARE,
    encoding: 'utf8',
  });
  return { out, status, stderr };
}

it('cdk synth works without Docker, credentials and network, and packs the bundle', () => {
  const { out, status, stderr } = synth();
  expect(status, stderr).toBe(0);
  const asset = readdirSync(out).find((name) => name.startsWith('asset.'));
  expect(readdirSync(join(out, asset ?? ''))).toEqual(['handler.mjs', 'inference-worker.mjs']);
});

it('settings on the command line reach the function', () => {
  const { out, status, stderr } = synth('-c', 'perfscope={"alarms":{"checkout-p99":"checkout"}}');
  expect(status, stderr).toBe(0);
  expect(readFileSync(join(out, 'PerfScope.template.json'), 'utf8')).toContain('checkout-p99');
});

it('a misspelt setting stops the synth and is named', () => {
  const { status, stderr } = synth('-c', 'perfscope={"emials":[]}', '--no-color');
  expect(status).not.toBe(0);
  expect(stderr).toContain('emials');
});

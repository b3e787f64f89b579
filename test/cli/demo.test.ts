import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

function startDemo() {
  const child = spawn(process.execPath, ['cli/perfscope.ts', 'demo'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { text: '', errors: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    output.text += chunk.toString('utf8');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output.errors += chunk.toString('utf8');
  });
  return { child, output };
}

it('the demo names the right function in the mail, in the table and on the page', async () => {
  const { child, output } = startDemo();
  const [code] = await once(child, 'exit');
  expect(code, output.errors).toBe(0);
  expect(output.text).toContain('Subject:  spin in lighttpd: scgi_write_request (node web-7)');
  expect(output.text).toMatch(/node#web-7#\w+: spin, suspects scgi_write_request/);
  expect(output.text).toContain('first notification done');
  const page = fileURLToPath(/file:\/\/\S+report\.html/.exec(output.text)?.[0] ?? '');
  expect(readFileSync(page, 'utf8')).toContain('Spin in lighttpd, most likely in scgi_write_request');
  rmSync(dirname(page), { recursive: true });
});

it('Ctrl-C in the middle ends it at once, without a word', async () => {
  const { child, output } = startDemo();
  while (!output.text.includes('3. Uploaded')) await once(child.stdout, 'data');
  child.kill('SIGINT');
  const [code] = await once(child, 'exit');
  expect(code).toBe(130);
  expect(output.errors).toBe('');
  expect(output.text).not.toContain('Subject:');
});

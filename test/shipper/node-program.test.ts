import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { outgoing, writeProgress } from '../../shipper/outgoing.ts';
import { ended, storage } from './node-under-test.ts';

const PROGRAM = new URL('../../cli/perfscope-node.ts', import.meta.url).pathname;

describe('the program for nodes', () => {
  it('says nothing of it when nobody reads its output to the end', () => {
    const shell = `'${process.execPath}' '${PROGRAM}' check | true`;
    const { stderr } = spawnSync('sh', ['-c', shell], { encoding: 'utf8' });
    expect(stderr).toBe('');
  });

  it('goes on with its work when nobody reads what it says', async () => {
    const s3 = await storage();
    const spool = mkdtempSync(join(tmpdir(), 'perfscope-unread-'));
    try {
      for (const incident of ['one', 'two', 'three']) {
        const item = outgoing({ spool, state: spool }, 'service', incident);
        mkdirSync(item.directory, { recursive: true });
        writeFileSync(join(item.directory, 'trace'), incident);
        const to = { bucket: s3.bucket, key: incident, contentType: 'application/zstd', metadata: {} };
        writeProgress(item, { ...to, file: 'trace', uploadId: null, parts: [] });
      }
      const command = `'${process.execPath}' '${PROGRAM}' ship --pending --spool '${spool}' --state '${spool}'`;
      const unread = `{ ${command} 2>&1; echo $? > '${spool}/status'; } | true`;
      await ended(spawn('sh', ['-c', unread], { env: { ...process.env, ...s3.environment } }));
      expect(readFileSync(join(spool, 'status'), 'utf8').trim()).toBe('0');
      expect(await s3.keys()).toEqual(['one', 'three', 'two']);
    } finally {
      rmSync(spool, { recursive: true, force: true });
      await s3.close();
    }
  });

  it.each([
    ['nothing to ship', ['ship']],
    ['two things to ship', ['ship', '--pending', '--incident', 'i']],
    ['a time without a zone', ['ship', '--incident', 'i', '--at', '2026-11-23T03:15:42']],
    ['a patience that is no number', ['ship', '--incident', 'i', '--patience', 'long']],
    ['an empty window', ['ship', '--incident', 'i', '--window', '0']],
  ])('takes %s for wrong usage', (_, options) => {
    const { status, stderr } = spawnSync(process.execPath, [PROGRAM, ...options], { encoding: 'utf8' });
    expect(status).toBe(2);
    expect(stderr).toMatch(/^error: .*expected/);
  });
});

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { output, until } from './conditions.ts';
import {
  ended,
  missingForRecording,
  type NodeUnderTest,
  nodeUnderTest,
  type Storage,
  stopped,
  storage,
} from './node-under-test.ts';

const missing = missingForRecording();
const SERVICE = `strace-faults-${process.pid}`;

/** A service that prints how many calls it has made, ten times a second. */
const TICKER = `
import os, time
for n in range(10**9):
    os.getppid()
    if n % 100 == 0: print(n, flush=True); time.sleep(0.1)`;

const tracer = (pid: number) =>
  Number(/^TracerPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

describe.skipIf(missing !== null)(
  `the strace recorder in trouble${missing === null ? '' : ` (skipped: ${missing})`}`,
  () => {
    let s3: Storage;
    let node: NodeUnderTest;
    let service: ReturnType<typeof spawn>;
    let ticks: ReturnType<typeof output>;
    let mounts: string[];

    beforeEach(async () => {
      mounts = [];
      s3 = await storage();
      node = nodeUnderTest({ ...s3.environment, PERFSCOPE_BUCKET: s3.bucket });
      service = spawn('python3', ['-c', TICKER], { stdio: ['ignore', 'pipe', 'inherit'] });
      ticks = output(service.stdout!);
    });

    afterEach(async () => {
      for (const mount of mounts) execFileSync('umount', [mount]);
      await node.close();
      await stopped(service, 'SIGKILL');
      await s3.close();
    });

    const command = () => [
      'record',
      '--service',
      SERVICE,
      '--pid',
      String(service.pid),
      '--recorder',
      'strace',
    ];

    /** The service has come further than it was. */
    const goesOn = async () => {
      const before = ticks.text().length;
      await until(() => ticks.text().length > before + 30);
    };

    it('lets the service go on where nothing can be written, and says why nothing is recorded', async () => {
      const directory = join(node.directories.spool, SERVICE, 'strace');
      mkdirSync(directory, { recursive: true });
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', directory]);
      mounts.push(directory);
      const recorder = node.start(...command());
      const said = output(recorder.stderr!);
      await until(() => said.text().includes('(EROFS): lines are dropped'));
      await goesOn();
      expect(tracer(service.pid!)).toBeGreaterThan(0);
      const finished = ended(recorder);
      recorder.kill('SIGTERM');
      expect(await finished).toMatchObject({ code: 0 });
      expect(tracer(service.pid!)).toBe(0);
    });

    it('is ended by disarm, which leaves nothing of it', async () => {
      const recorder = node.start(...command());
      await until(() => tracer(service.pid!) > 0);
      const finished = ended(recorder);
      const disarmed = await node.perfscope('disarm', '--service', SERVICE);
      expect(disarmed).toMatchObject({
        code: 0,
        output: expect.stringContaining(`ended process ${recorder.pid}`),
      });
      expect(await finished).toMatchObject({ code: 0 });
      expect(tracer(service.pid!)).toBe(0);
      expect(existsSync(join(node.directories.spool, SERVICE, 'strace'))).toBe(false);
      await goesOn();
    });

    it('has recorded what can be shipped after its end', async () => {
      const recorder = node.start(...command());
      await until(() => tracer(service.pid!) > 0);
      await goesOn();
      await stopped(recorder);
      expect(await node.perfscope('ship', '--incident', 'after')).toMatchObject({ code: 0 });
      expect(await s3.keys()).toEqual([`traces/${SERVICE}/after/node-1/trace.strace.zst`]);
    });

    it('keeps tracefs and strace from recording the same service', async () => {
      const recorder = node.start(...command());
      await until(() => tracer(service.pid!) > 0);
      const tracefs = ['record', '--service', SERVICE, '--pid', String(service.pid)];
      expect(await node.perfscope(...tracefs)).toMatchObject({
        code: 1,
        output: expect.stringContaining('is or was recorded with strace'),
      });
      expect(await node.perfscope(...tracefs, '--watch')).toMatchObject({
        code: 1,
        output: expect.stringContaining(`already recorded or watched by process ${recorder.pid}`),
      });
    });

    it('says to install strace where there is none', async () => {
      const bare = nodeUnderTest({ PATH: join(node.root, 'bin') }, node.root);
      mkdirSync(join(node.root, 'bin'));
      execFileSync('ln', ['-s', '/usr/bin/flock', join(node.root, 'bin', 'flock')]);
      expect(await bare.perfscope(...command())).toMatchObject({
        code: 1,
        output: expect.stringContaining('install it'),
      });
    });
  },
);

import { chmodSync, existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { missingForRecording } from './node-under-test.ts';
import { calls, type RecordedService, recordedService } from './recorded-service.ts';

const missing = missingForRecording();
const UNIFIED = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((path) =>
  existsSync(join(path, 'cgroup.controllers')),
);
const without = missing ?? (UNIFIED === undefined ? 'no control groups of version 2' : null);

describe.skipIf(without !== null)(
  `a service that has ended${without === null ? '' : ` (skipped: ${without})`}`,
  () => {
    let service: RecordedService;
    let group: string;

    beforeEach(async () => {
      service = await recordedService(`ended-${process.pid}`);
      group = join(UNIFIED!, `perfscope-ended-${process.pid}`);
      mkdirSync(group);
      writeFileSync(join(group, 'cgroup.procs'), String(service.redis.pid));
    });

    afterEach(async () => {
      await service.close();
      if (existsSync(group)) rmdirSync(group);
    });

    const words = 'its threads are named as far as they were seen while it ran';
    const shipsItsLastCalls = async () => {
      await service.redis.load(300);
      await service.redis.close();
      rmdirSync(group); // as systemd does with a unit that failed
      const result = await service.node.perfscope('ship', '--incident', 'crash');
      expect(result).toMatchObject({ code: 0, output: expect.stringContaining(words) });
      const trace = await service.shipped('crash');
      expect(calls(trace, 'write')).toBeGreaterThanOrEqual(600);
      expect(trace.threads).toContainEqual({
        pid: service.redis.pid,
        tid: service.redis.pid,
        comm: 'redis-server',
      });
      expect(trace.recording!.warnings.join()).toContain(words);
    };

    it('is shipped although its control group is gone', async () => {
      await service.arm('--cgroup', group);
      await shipsItsLastCalls();
    });

    it('is shipped although its unit has no control group', async () => {
      // systemd answers with an empty line for a unit that does not run.
      const programs = join(service.node.root, 'bin');
      mkdirSync(programs);
      const systemctl = join(programs, 'systemctl');
      writeFileSync(systemctl, `#!/bin/sh\ntest -d ${group} && echo ${group} || echo\n`);
      chmodSync(systemctl, 0o755);
      service.node.environment.PATH = `${programs}:${process.env.PATH}`;
      await service.arm('--unit', 'api.service');
      await shipsItsLastCalls();
    });

    it('is shipped although its process is gone', async () => {
      await service.arm();
      await shipsItsLastCalls();
    });
  },
);

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readArmed } from '../../shipper/armed.ts';
import { resizeRing } from '../../shipper/tracefs/arm-ring.ts';
import { onlineCpus } from '../../shipper/tracefs/online-cpus.ts';
import { until } from './conditions.ts';
import {
  ended,
  instanceExists,
  missingForRecording,
  type NodeUnderTest,
  nodeUnderTest,
  stopped,
} from './node-under-test.ts';

const missing = missingForRecording();
const SERVICE = `record-${process.pid}`;
const INSTANCE = `/sys/kernel/tracing/instances/perfscope-${SERVICE}`;
const PROGRAM = new URL('../../cli/perfscope-node.ts', import.meta.url).pathname;

describe.skipIf(missing !== null)(
  `record and disarm${missing === null ? '' : ` (skipped: ${missing})`}`,
  () => {
    let node: NodeUnderTest;
    let service: ReturnType<typeof spawn>;

    beforeEach(() => {
      node = nodeUnderTest();
      service = spawn('sleep', ['100000'], { stdio: 'ignore' });
    });
    afterEach(async () => {
      await node.close();
      await stopped(service, 'SIGKILL');
    });

    const record = (...more: string[]) =>
      node.perfscope('record', '--service', SERVICE, '--measure', '0', '--pid', String(service.pid), ...more);
    const disarm = (...more: string[]) => node.perfscope('disarm', '--service', SERVICE, ...more);
    const note = () => join(node.directories.state, `${SERVICE}.json`);
    const followed = () => readFileSync(join(INSTANCE, 'set_event_pid'), 'utf8').split('\n').map(Number);

    it('goes on with what is armed after a restart of the service, by the options as they are now', async () => {
      expect(await record('--bucket', 'wrong', '--build', '1')).toMatchObject({ code: 0 });
      const made = statSync(INSTANCE).ino;
      await stopped(service, 'SIGKILL');
      service = spawn('sleep', ['100000'], { stdio: 'ignore' });
      const again = await record('--bucket', 'right');
      expect(again).toMatchObject({ code: 0, output: expect.stringContaining('still armed from before') });
      expect(statSync(INSTANCE).ino).toBe(made);
      expect(followed()).toContain(service.pid);
      expect(readArmed(node.directories, SERVICE)).toMatchObject({ bucket: 'right', build: '1' });
    });

    it('does not go on under the same name with another service', async () => {
      await record();
      const other = await node.perfscope('record', '--service', SERVICE, '--comm', 'sleep', '--measure', '0');
      expect(other).toMatchObject({ code: 1, output: expect.stringContaining('already armed for process') });
    });

    it('forgets the pages of an earlier recording, whose times mean other moments after a reboot', async () => {
      const pages = join(node.directories.spool, SERVICE, 'ring');
      mkdirSync(join(pages, '00000000000000000001'), { recursive: true });
      writeFileSync(join(pages, 'forgotten-until'), '864000000000000');
      expect(await record()).toMatchObject({ code: 0 });
      expect(existsSync(pages)).toBe(false);
    });

    it('keeps to its memory from the first moment on', async () => {
      const measuring = node.start(
        ...[
          'record',
          '--service',
          SERVICE,
          '--pid',
          String(service.pid),
          '--measure',
          '1000',
          '--memory',
          '1M',
        ],
      );
      const size = () => Number.parseInt(readFileSync(join(INSTANCE, 'buffer_total_size_kb'), 'utf8'), 10);
      await until(() => instanceExists(SERVICE) && followed().includes(service.pid!));
      expect(size()).toBeLessThanOrEqual(1_024 + 8 * (onlineCpus()?.size ?? 1));
      await stopped(measuring, 'SIGINT');
    });

    it('keeps the ring that it has where the kernel has no memory for a larger one', async () => {
      await record();
      const size = () => readFileSync(join(INSTANCE, 'per_cpu/cpu0/buffer_size_kb'), 'utf8');
      const before = size();
      expect(resizeRing(INSTANCE, [{ cpu: 0, kilobytes: 1024 ** 3 }])).toContain('ENOMEM');
      expect(size()).toBe(before);
    });

    it('is not armed, and says why, where its note cannot be written', async () => {
      mkdirSync(node.directories.state);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', node.directories.state]);
      const answer = await record();
      execFileSync('umount', [node.directories.state]);
      expect(answer).toMatchObject({ code: 1, output: expect.stringContaining('so it is not armed: EROFS') });
      expect(instanceExists(SERVICE)).toBe(false);
    });

    it.each([
      ['cut short', (file: string) => truncateSync(file, 100)],
      ['of another version', (file: string) => writeFileSync(file, '{}')],
    ])('can be taken back where its note is %s, and says that it must be', async (_, damage) => {
      await record();
      damage(note());
      const shipped = await node.perfscope('ship', '--incident', 'i', '--bucket', 'b');
      expect(shipped).toMatchObject({ code: 1, output: expect.stringContaining('damaged') });
      expect(await disarm()).toMatchObject({ code: 0, output: expect.stringContaining('disarmed') });
      expect([instanceExists(SERVICE), existsSync(note())]).toEqual([false, false]);
    });

    it('disarms without leaving directories for services that never were', async () => {
      expect(await disarm()).toMatchObject({ code: 0, output: expect.stringContaining('was not armed') });
      expect(existsSync(node.directories.spool)).toBe(false);
    });

    it('refuses to record where process ids are not the kernel’s', async () => {
      const places = ['--spool', node.directories.spool, '--state', node.directories.state];
      const inside = spawn('unshare', [
        ...['--pid', '--fork', '--mount-proc', process.execPath, PROGRAM],
        ...['record', '--service', SERVICE, '--comm', 'node', '--measure', '0', ...places],
      ]);
      expect(await ended(inside)).toMatchObject({
        code: 1,
        output: expect.stringContaining('hostPID: true'),
      });
      expect(instanceExists(SERVICE)).toBe(false);
    });

    const nobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];
    const nobodyReads = spawnSync('setpriv', [...nobody, 'test', '-r', PROGRAM]).status === 0;

    // The program must lie where others may read it.
    it.skipIf(!nobodyReads)(
      'says to others than root that it takes root, and does not say that nothing is armed',
      async () => {
        await record();
        const places = ['--spool', node.directories.spool, '--state', node.directories.state];
        const asNobody = (...args: string[]) =>
          ended(
            spawn('setpriv', [
              ...['--reuid', '65534', '--regid', '65534', '--clear-groups'],
              ...[process.execPath, PROGRAM, ...args, ...places],
            ]),
          );
        for (const args of [
          ['disarm', '--service', SERVICE],
          ['disarm'],
          ['ship', '--incident', 'i', '--bucket', 'b'],
          ['record', '--service', SERVICE, '--comm', 'sleep'],
        ]) {
          const answer = await asNobody(...args);
          expect(answer).toMatchObject({ code: 1, output: expect.stringContaining('run as root') });
        }
        expect(instanceExists(SERVICE)).toBe(true);
        const checked = await asNobody('check');
        expect(checked.output).toContain('may not look into /sys/kernel/tracing');
        expect(checked.output).not.toContain('mount -t tracefs');
      },
    );

    it.each([
      ['an unknown recorder', ['--recorder', 'starce']],
      ['an empty control group', ['--cgroup', '']],
      ['two targets', ['--comm', 'sleep']],
      ['less memory than a ring has', ['--memory', '1']],
      ['a size that is none', ['--memory', 'much']],
      ['a depth that is none', ['--depth', 'deep']],
      ['a build that is no name', ['--build', '../1']],
    ])('takes %s for wrong usage', async (_, more) => {
      const { code, output } = await record(...more);
      expect(code).toBe(2);
      expect(output).toMatch(/expected|Allowed choices/);
      expect(instanceExists(SERVICE)).toBe(false);
    });
  },
);

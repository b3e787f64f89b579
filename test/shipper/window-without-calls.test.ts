import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { missingForRecording } from './node-under-test.ts';
import { calls, type RecordedService, recordedService } from './recorded-service.ts';

const missing = missingForRecording();

describe.skipIf(missing !== null)(
  `a window without calls${missing === null ? '' : ` (skipped: ${missing})`}`,
  () => {
    let service: RecordedService;

    beforeEach(async () => {
      service = await recordedService(`window-${process.pid}`);
    });
    afterEach(() => service.close());

    const ship = (...more: string[]) => service.node.perfscope('ship', '--incident', 'alarm', ...more);

    it('before recording began is refused, and the right one can still be sent', async () => {
      await service.arm();
      await service.redis.load(200);
      const wrong = await ship('--at', '2020-01-01T00:00:00Z');
      expect(wrong).toMatchObject({
        code: 1,
        output: expect.stringContaining("is the alarm's time right (--at)?"),
      });
      expect(wrong.output).toContain('before 2020-01-01T00:00:00.000Z');
      expect(await service.s3.keys()).toEqual([]);
      expect(await ship()).toMatchObject({ code: 0 });
      expect(calls(await service.shipped('alarm'), 'write')).toBeGreaterThanOrEqual(400);
    });

    it('that the ring has long overwritten is refused', async () => {
      await service.arm('--memory', '512K');
      const alarm = new Date();
      await service.redis.load(20_000);
      const late = await ship('--at', alarm.toISOString());
      expect(late).toMatchObject({ code: 1, output: expect.stringContaining('the ring was too small') });
    });

    it('in which the service stood still reaches back to its last calls', async () => {
      await service.arm();
      await service.redis.load(200);
      // redis wakes ten times a second: it has to stand still for longer than the window.
      process.kill(service.redis.pid, 'SIGSTOP');
      try {
        await new Promise((resolve) => setTimeout(resolve, 2_500));
        expect(await ship('--window', '2')).toMatchObject({
          code: 0,
          output: expect.stringContaining('no system call was made in the'),
        });
        const trace = await service.shipped('alarm');
        expect(calls(trace, 'write')).toBeGreaterThanOrEqual(100);
        const lastNs = Math.max(...trace.enterNs);
        expect(trace.window.endNs - lastNs).toBeGreaterThan(2e9);
      } finally {
        process.kill(service.redis.pid, 'SIGCONT');
      }
    });

    it('of a service that has stood still since recording began is refused', async () => {
      process.kill(service.redis.pid, 'SIGSTOP');
      try {
        await service.arm();
        const still = await ship();
        expect(still).toMatchObject({ code: 1, output: expect.stringContaining('found none') });
        expect(still.output).toContain('since recording began');
        expect(await service.s3.keys()).toEqual([]);
      } finally {
        process.kill(service.redis.pid, 'SIGCONT');
      }
    });

    it('does not stand in the way of another try: --again sends an incident once more', async () => {
      await service.arm();
      await service.redis.load(100);
      await ship();
      await service.redis.load(100);
      expect((await ship()).output).toContain('was already sent');
      expect(calls(await service.shipped('alarm'), 'write')).toBeLessThan(400);
      expect(await ship('--again')).toMatchObject({ code: 0, output: expect.stringContaining('\nsent: ') });
      expect(calls(await service.shipped('alarm'), 'write')).toBeGreaterThanOrEqual(400);
      expect((await ship()).output).toContain('was already sent');
    });
  },
);

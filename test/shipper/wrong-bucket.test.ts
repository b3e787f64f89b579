import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { missingForRecording, nodeUnderTest } from './node-under-test.ts';
import { type RecordedService, recordedService } from './recorded-service.ts';

const missing = missingForRecording();

describe.skipIf(missing !== null)(
  `a bucket that is the wrong one${missing === null ? '' : ` (skipped: ${missing})`}`,
  () => {
    let service: RecordedService;

    beforeEach(async () => {
      service = await recordedService(`bucket-${process.pid}`);
      await service.arm('--bucket', 'not-there');
    });
    afterEach(() => service.close());

    const ship = (...more: string[]) => service.node.perfscope('ship', ...more);
    const keys = async () => (await service.s3.keys()).map((key) => key.split('/')[2]);

    it('is said to be, with the way out, and is corrected for an incident', async () => {
      // What was given to record goes before the environment's PERFSCOPE_BUCKET, which is right here.
      const refused = await ship('--incident', 'one');
      expect(refused).toMatchObject({ code: 1, output: expect.stringContaining('NoSuchBucket') });
      expect(refused.output).toContain('add --bucket NAME');
      expect(await ship('--incident', 'one', '--bucket', service.s3.bucket)).toMatchObject({ code: 0 });
      expect(await keys()).toEqual(['one']);
    });

    it('is corrected for all that is kept', async () => {
      await ship('--incident', 'one');
      await ship('--incident', 'two');
      expect(await ship('--pending')).toMatchObject({
        code: 1,
        output: expect.stringContaining('--bucket NAME'),
      });
      expect(await ship('--pending', '--bucket', service.s3.bucket)).toMatchObject({ code: 0 });
      expect(await keys()).toEqual(['one', 'two']);
    });

    it('is none where its name is empty', async () => {
      const environment = { ...service.node.environment, PERFSCOPE_BUCKET: '' };
      const unset = nodeUnderTest(environment, service.node.root);
      await unset.perfscope('disarm', '--service', service.name);
      const target = ['--service', service.name, '--pid', String(service.redis.pid), '--measure', '0.1'];
      await unset.perfscope('record', ...target);
      const without = await unset.perfscope('ship', '--incident', 'one');
      expect(without).toMatchObject({ code: 1, output: expect.stringContaining('expected the bucket') });
      // The environment's counts where record was given none.
      expect(await ship('--incident', 'one')).toMatchObject({ code: 0 });
      expect(await keys()).toEqual(['one']);
    });
  },
);

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { instancePath, requireTracefs, writeKnob } from '../../shipper/tracefs/tracefs.ts';
import { freePort, missingForRecording, nodeUnderTest } from './node-under-test.ts';
import { calls, type RecordedService, recordedService } from './recorded-service.ts';

/** Why disks of our own cannot be had here, or null. */
function missingForDisks(): string | null {
  const absent = ['mkfs.ext4', 'losetup'].filter((name) => spawnSync('which', [name]).status !== 0);
  if (absent.length > 0) return `${absent.join(', ')} not installed`;
  return spawnSync('losetup', ['-f']).status === 0 ? null : 'no loop devices';
}

const missing = missingForRecording() ?? missingForDisks();

describe.skipIf(missing !== null)(
  `a disk that takes nothing${missing === null ? '' : ` (skipped: ${missing})`}`,
  () => {
    let service: RecordedService;
    let mounts: string[];
    let spool: string;

    beforeEach(async () => {
      mounts = [];
      service = await recordedService(`full-disk-${process.pid}`);
      ({ spool } = service.node.directories);
    });

    afterEach(async () => {
      for (const mount of mounts) {
        execFileSync('umount', [mount]);
        rmSync(mount, { recursive: true, force: true });
      }
      await service.close();
    });

    /** ext4, which needs blocks even for a directory; tmpfs does not. */
    const disk = (path: string, mebibytes: number) => {
      const image = `${service.node.root}/disk.img`;
      execFileSync('truncate', ['-s', `${mebibytes}M`, image]);
      execFileSync('mkfs.ext4', ['-q', '-m', '0', image]);
      mkdirSync(path, { recursive: true });
      execFileSync('mount', ['-o', 'loop', image, path]);
      mounts.push(path);
    };
    const memory = (path: string, size: string) => {
      mkdirSync(path, { recursive: true });
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path]);
      mounts.push(path);
    };
    const fill = (path: string) => {
      // By halves, until not even a block is left.
      for (let size = 8 * 1024 * 1024, i = 0; size >= 1; size = Math.floor(size / 2)) {
        try {
          for (;;) writeFileSync(join(path, `filler-${i++}`), Buffer.alloc(size));
        } catch {
          // Too large by now.
        }
      }
    };
    const ship = (...more: string[]) => service.node.perfscope('ship', '--incident', 'full', ...more);

    it('lets the trace through when it is full', async () => {
      disk(spool, 16);
      await service.arm();
      fill(spool);
      await service.redis.load(500);
      const result = await ship();
      expect(result).toMatchObject({ code: 0, output: expect.stringContaining('the disk is full') });
      expect(calls(await service.shipped('full'), 'write')).toBeGreaterThanOrEqual(1_000);
      expect(await service.node.perfscope('disarm', '--service', service.name)).toMatchObject({ code: 0 });
    });

    it('lets the trace through when it was mounted read-only', async () => {
      disk(spool, 16);
      await service.arm();
      await service.redis.load(500);
      execFileSync('mount', ['-o', 'remount,ro', spool]);
      const result = await ship();
      expect(result).toMatchObject({ code: 0, output: expect.stringContaining('cannot be written (EROFS)') });
      expect(calls(await service.shipped('full'), 'write')).toBeGreaterThanOrEqual(1_000);
      execFileSync('mount', ['-o', 'remount,rw', spool]);
    });

    it('ends with an error that says what to do, when S3 cannot be reached either', async () => {
      memory(spool, '64k');
      await service.arm();
      await service.redis.load(2_000);
      const endpoint = `http://127.0.0.1:${await freePort()}`;
      const cutOff = nodeUnderTest(
        { ...service.node.environment, AWS_ENDPOINT_URL: endpoint },
        service.node.root,
      );
      const result = await cutOff.perfscope('ship', '--incident', 'full', '--patience', '2');
      expect(result).toMatchObject({ code: 1, output: expect.stringContaining('next try in 1 s') });
      expect(result.output).toContain('ship the same incident again');
      expect(await ship()).toMatchObject({ code: 0 });
      expect(calls(await service.shipped('full'), 'write')).toBeGreaterThanOrEqual(4_000);
    });

    it('that fills while S3 takes the trace does not make it be sent again', async () => {
      memory(spool, '8M');
      const puts: string[] = [];
      const server = await s3ThatTakes((url) => {
        puts.push(url);
        fill(spool);
      });
      try {
        await service.arm();
        await service.redis.load(300);
        const { port } = server.address() as { port: number };
        const node = nodeUnderTest(
          { ...service.node.environment, AWS_ENDPOINT_URL: `http://127.0.0.1:${port}` },
          service.node.root,
        );
        const result = await node.perfscope('ship', '--incident', 'full');
        expect(result).toMatchObject({ code: 0, output: expect.stringContaining('sent: s3://') });
        expect(puts).toHaveLength(1);
        // The trace made room for the note.
        expect(readdirSync(join(spool, service.name, 'outgoing', 'full'))).toEqual(['shipped.json']);
      } finally {
        server.close();
      }
    });

    it('is left with room for others, be it memory or not', async () => {
      memory(spool, '64k');
      memory(service.node.directories.state, '4M');
      await service.arm();
      // A ring that holds more than there is room for.
      writeKnob(instancePath(requireTracefs(), service.name), 'buffer_size_kb', 16_384);
      await service.redis.load(15_000);
      const result = await ship();
      expect(result).toMatchObject({ code: 0, output: expect.stringContaining('no room for all pages') });
      const { blocks, bavail } = statfsSync(service.node.directories.state);
      expect(bavail / blocks).toBeGreaterThan(0.45);
      expect(existsSync(join(service.node.directories.state, `${service.name}.ring`))).toBe(true);
      // What was not taken is still in the ring: with room, all is there.
      execFileSync('mount', ['-o', 'remount,size=64M', service.node.directories.state]);
      expect(await service.node.perfscope('ship', '--incident', 'whole')).toMatchObject({ code: 0 });
      expect(calls(await service.shipped('whole'), 'write')).toBeGreaterThanOrEqual(30_000);
    });
  },
);

/** Says yes to every object. */
function s3ThatTakes(onPut: (url: string) => void): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      if (request.method === 'PUT') onPut(request.url ?? '');
      response.writeHead(200, { etag: '"0"' }).end();
    });
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

import { readFileSync } from 'node:fs';
import { zstdDecompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listArmed } from '../../shipper/armed.ts';
import { readTrace } from '../../trace/open-trace.ts';
import {
  missingForRecording,
  type NodeUnderTest,
  nodeUnderTest,
  redisServer,
  type Server,
  type Storage,
  stopped,
  storage,
} from './node-under-test.ts';

const missing = missingForRecording();
const SERVICE = `strace-${process.pid}`;

/** Waits until somebody traces the process (proc_pid_status(5), TracerPid). */
async function tracedBy(pid: number): Promise<void> {
  while (/^TracerPid:\t0$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe.skipIf(missing !== null)(
  `the strace recorder${missing === null ? '' : ` (skipped: ${missing})`}`,
  () => {
    let s3: Storage;
    let node: NodeUnderTest;
    let redis: Server;

    beforeEach(async () => {
      s3 = await storage();
      node = nodeUnderTest({ ...s3.environment, PERFSCOPE_BUCKET: s3.bucket });
      redis = await redisServer();
    });

    afterEach(async () => {
      await node.close();
      await redis.close();
      await s3.close();
    });

    it('brings a server’s last calls to S3 without strings, paths or addresses, and lets the server go', async () => {
      const recorder = node.start(
        'record',
        '--service',
        SERVICE,
        '--pid',
        String(redis.pid),
        '--recorder',
        'strace',
      );
      await tracedBy(redis.pid);
      await redis.load(100);
      await new Promise((resolve) => setTimeout(resolve, 700)); // lines are written twice a second
      expect(await node.perfscope('ship', '--incident', 'one')).toMatchObject({ code: 0 });
      const text = zstdDecompressSync(await s3.object(`traces/${SERVICE}/one/node-1/trace.strace.zst`));
      expect(text.toString()).not.toMatch(/"|\/|0x/);
      const trace = await readTrace(
        (async function* () {
          yield text;
        })(),
      );
      const names = Array.from(trace.call, (call) => trace.callNames[call]!);
      expect(names.filter((name) => name === 'write').length).toBeGreaterThanOrEqual(200);
      const reads = names.flatMap((name, i) => (name === 'read' ? [trace.fd[i]!] : []));
      expect(Math.min(...reads)).toBeGreaterThan(2);
      await stopped(recorder);
      await redis.load(10);
    });

    it('lets the server go on when the recorder is killed', async () => {
      const recorder = node.start(
        'record',
        '--service',
        SERVICE,
        '--pid',
        String(redis.pid),
        '--recorder',
        'strace',
      );
      await tracedBy(redis.pid);
      await redis.load(50);
      await stopped(recorder, 'SIGKILL');
      await redis.load(500);
      expect(listArmed(node.directories)).toEqual([SERVICE]);
      expect(await node.perfscope('disarm', '--service', SERVICE)).toMatchObject({ code: 0 });
      expect(listArmed(node.directories)).toEqual([]);
    });
  },
);

import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTraceSource } from '../../lambda/stores/s3-traces.ts';
import { readTrace } from '../../trace/open-trace.ts';
import type { Trace } from '../../trace/trace.ts';
import { countByReader, countByTraceCmd } from '../trace/event-counts.ts';
import {
  instanceExists,
  missingForRecording,
  type NodeUnderTest,
  nodeUnderTest,
  redisServer,
  type Server,
  type Storage,
  storage,
} from './node-under-test.ts';

const missing = missingForRecording();
const SERVICE = `e2e-${process.pid}`;

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function calls(trace: Trace): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i < trace.length; i++) {
    const name = trace.callNames[trace.call[i]!]!;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

describe.skipIf(missing !== null)(
  `shipping from this kernel${missing === null ? '' : ` (skipped: ${missing})`}`,
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

    const arm = (...more: string[]) =>
      node.perfscope('record', '--service', SERVICE, '--pid', String(redis.pid), '--measure', '0.2', ...more);

    const shipped = async (incident: string): Promise<Buffer> => {
      const key = (await s3.keys()).find((name) => name.includes(`/${incident}/`));
      return zstdDecompressSync(await s3.object(key!));
    };

    it('brings a server’s last calls to S3, where the reader finds what trace-cmd finds', async () => {
      expect(await arm('--build', '7.0.15')).toMatchObject({
        code: 0,
        output: expect.stringContaining('armed'),
      });
      await redis.load(2_000);
      const result = await node.perfscope('ship', '--incident', 'one');
      expect(result).toMatchObject({ code: 0, output: expect.stringContaining('sent: s3://') });
      expect(await s3.keys()).toEqual([`traces/${SERVICE}/one/node-1/trace.dat.zst`]);

      // What the function knows of it before it reads it.
      const stored = await createTraceSource(s3.client).open(
        { bucket: s3.bucket, key: `traces/${SERVICE}/one/node-1/trace.dat.zst` },
        new AbortController().signal,
      );
      stored.close();
      expect(stored.build).toBe('7.0.15');

      const bytes = await shipped('one');
      const trace = await readTrace(once(bytes));
      expect(trace.recording).toMatchObject({
        service: SERVICE,
        build: '7.0.15',
        node: 'node-1',
        incident: 'one',
      });
      expect(new Set(trace.threads.map(({ pid }) => pid))).toEqual(new Set([redis.pid]));
      expect(trace.threads).toContainEqual({ pid: redis.pid, tid: redis.pid, comm: 'redis-server' });
      expect(trace.window.coveredFromNs).toBe(0);
      // SET and GET: 4,000 requests, each read once and answered once, and each connection read to its end.
      expect(calls(trace).get('read')).toBeGreaterThanOrEqual(4_000);
      expect(calls(trace).get('write')).toBeGreaterThanOrEqual(4_000);
      expect(trace.losses).toEqual([]);

      const file = join(tmpdir(), `${SERVICE}.dat`);
      writeFileSync(file, bytes);
      const ours = await countByReader(once(bytes));
      expect(ours.size).toBeGreaterThan(5);
      expect(ours).toEqual(await countByTraceCmd(file));
      rmSync(file);
    });

    const pageSizeKnob = '/sys/kernel/tracing/buffer_subbuf_size_kb';
    it.skipIf(!existsSync(pageSizeKnob))('reads pages of the size that its own ring has', async () => {
      await arm();
      const instance = `/sys/kernel/tracing/instances/perfscope-${SERVICE}`;
      writeFileSync(join(instance, 'buffer_subbuf_size_kb'), '16');
      await redis.load(1_000);
      await node.perfscope('ship', '--incident', 'pages');
      const bytes = await shipped('pages');
      expect(calls(await readTrace(once(bytes))).get('write')).toBeGreaterThanOrEqual(2_000);
      const file = join(tmpdir(), `${SERVICE}-pages.dat`);
      writeFileSync(file, bytes);
      expect(await countByReader(once(bytes))).toEqual(await countByTraceCmd(file));
      rmSync(file);
    });

    it('lets no address leave the node', async () => {
      await arm('--switches');
      await redis.load(500);
      await node.perfscope('ship', '--incident', 'private');
      const bytes = await shipped('private');
      const maps = readFileSync(`/proc/${redis.pid}/maps`, 'utf8');
      const mapped = [...maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) /gm)].map(
        ([, from, to]) => [BigInt(`0x${from}`), BigInt(`0x${to}`)] as const,
      );
      expect(mapped.length).toBeGreaterThan(10);
      let found = 0;
      for (let at = 0; at + 8 <= bytes.length; at += 4) {
        const word = bytes.readBigUInt64LE(at);
        if (mapped.some(([from, to]) => word >= from && word < to)) found++;
      }
      expect(bytes.length).toBeGreaterThan(100_000);
      expect(found).toBe(0);
      expect(bytes.includes('redis-benchmark')).toBe(false);
    });

    it('still has for a second alarm what it shipped for the first', async () => {
      await arm();
      await redis.load(1_000);
      await node.perfscope('ship', '--incident', 'first');
      await redis.load(1_000);
      await node.perfscope('ship', '--incident', 'second');
      const first = await readTrace(once(await shipped('first')));
      const second = await readTrace(once(await shipped('second')));
      expect(second.window.startSeconds).toBeCloseTo(first.window.startSeconds, 6);
      expect(calls(first).get('write')).toBeGreaterThanOrEqual(2_000);
      expect(calls(second).get('write')).toBeGreaterThanOrEqual(4_000);
      expect(second.losses).toEqual([]);
    });

    it('still has a full ring for the third alarm, and keeps no more than two rings on the disk', async () => {
      await arm('--memory', '3M');
      const ring = join(node.directories.spool, SERVICE, 'ring');
      const kept = () =>
        readdirSync(ring, { recursive: true, encoding: 'utf8' }).reduce(
          (sum, name) => sum + statSync(join(ring, name)).size,
          0,
        );
      const writes: number[] = [];
      for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) {
        // The first three alarms come at once, each later one finds the ring full again.
        if (!['b', 'c'].includes(id)) await redis.load(10_000);
        expect(await node.perfscope('ship', '--incident', id)).toMatchObject({ code: 0 });
        writes.push(calls(await readTrace(once(await shipped(id)))).get('write') ?? 0);
        // Directories and heads are a hundredth.
        expect(kept()).toBeLessThanOrEqual(2 * 3 * 1024 * 1024 * 1.05);
      }
      // How much the ring holds from where every CPU is covered depends on which CPUs the load ran on.
      expect(writes[0]).toBeGreaterThan(100);
      expect(writes[1]).toBeGreaterThanOrEqual(writes[0]!);
      expect(writes[2]).toBeGreaterThanOrEqual(writes[0]!);
    });

    it('ships two alarms that come at once, both whole', async () => {
      await arm();
      await redis.load(1_000);
      const both = await Promise.all(['a', 'b'].map((id) => node.perfscope('ship', '--incident', id)));
      expect(both.map(({ code }) => code)).toEqual([0, 0]);
      for (const id of ['a', 'b']) {
        const trace = await readTrace(once(await shipped(id)));
        expect(calls(trace).get('write')).toBeGreaterThanOrEqual(2_000);
      }
    });

    it('sends once, however often the same alarm asks', async () => {
      await arm();
      await redis.load(200);
      const answers = await Promise.all([1, 2, 3].map(() => node.perfscope('ship', '--incident', 'same')));
      expect(answers.map(({ code }) => code)).toEqual([0, 0, 0]);
      expect(answers.filter(({ output }) => output.includes('was already sent'))).toHaveLength(2);
    });

    it('cuts by the alarm’s own time, not by when it is asked', async () => {
      await arm();
      await redis.load(1_000);
      const alarm = new Date();
      await new Promise((resolve) => setTimeout(resolve, 100));
      await redis.load(1_000);
      await node.perfscope('ship', '--incident', 'timed', '--at', alarm.toISOString());
      const trace = await readTrace(once(await shipped('timed')));
      const writes = calls(trace).get('write')!;
      expect(writes).toBeGreaterThanOrEqual(2_000);
      expect(writes).toBeLessThan(3_000);
      const clock = trace.recording!.clock;
      const end = trace.window.startSeconds + trace.window.endNs / 1e9;
      expect(end + clock.realtimeSeconds - clock.monotonicSeconds).toBeCloseTo(alarm.getTime() / 1000, 1);
    });

    it('leaves nothing behind in the kernel when it is disarmed', async () => {
      await arm();
      expect(instanceExists(SERVICE)).toBe(true);
      expect(await node.perfscope('disarm', '--service', SERVICE)).toMatchObject({ code: 0 });
      expect(instanceExists(SERVICE)).toBe(false);
    });
  },
);

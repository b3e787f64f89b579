import { zstdDecompressSync } from 'node:zlib';
import { readTrace } from '../../trace/open-trace.ts';
import type { Trace } from '../../trace/trace.ts';
import {
  type NodeUnderTest,
  nodeUnderTest,
  redisServer,
  type Server,
  type Storage,
  storage,
} from './node-under-test.ts';

/** A redis-server on a node that can record it, and the bucket that its traces go to. */
export interface RecordedService {
  readonly name: string;
  readonly node: NodeUnderTest;
  readonly redis: Server;
  readonly s3: Storage;
  /** Starts the recording, by the server's process id where no other target is given. */
  readonly arm: (...more: string[]) => ReturnType<NodeUnderTest['perfscope']>;
  /** The trace of an incident as the bucket holds it. */
  readonly shipped: (incident: string) => Promise<Trace>;
  readonly close: () => Promise<void>;
}

const TARGETS = ['--pid', '--comm', '--cgroup', '--unit'];

export async function recordedService(name: string): Promise<RecordedService> {
  const s3 = await storage();
  const node = nodeUnderTest({ ...s3.environment, PERFSCOPE_BUCKET: s3.bucket });
  const redis = await redisServer();
  return {
    name,
    node,
    redis,
    s3,
    arm: (...more) => {
      const target = more.some((option) => TARGETS.includes(option)) ? [] : ['--pid', String(redis.pid)];
      return node.perfscope('record', '--service', name, ...target, '--measure', '0.1', ...more);
    },
    shipped: async (incident) => {
      const key = (await s3.keys()).find((candidate) => candidate.includes(`/${incident}/`));
      if (key === undefined) throw new Error(`nothing of ${incident} is in the bucket`);
      return readTrace(once(zstdDecompressSync(await s3.object(key))));
    },
    close: async () => {
      await redis.close();
      await node.close();
      await s3.close();
    },
  };
}

export function calls(trace: Trace, name: string): number {
  return trace.call.reduce((sum, call) => sum + (trace.callNames[call] === name ? 1 : 0), 0);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

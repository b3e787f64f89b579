import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { buildApp } from 'fauxqs';
import type { Directories } from '../../shipper/armed.ts';
import { inInitialPidNamespace } from '../../shipper/pid-namespace.ts';
import { findTracefs } from '../../shipper/tracefs/tracefs.ts';

/** A node to record on: this machine's kernel, directories of its own, a real server, and S3 in this process. */

/** Why recordings cannot be made here, or null. */
export function missingForRecording(): string | null {
  if (process.platform !== 'linux') return `this is ${process.platform}, not Linux`;
  if (process.getuid?.() !== 0) return 'not root';
  if (!inInitialPidNamespace()) return 'in a PID namespace of its own, whose ids tracefs does not take';
  const tracefs = findTracefs();
  if (tracefs === null) return 'no tracefs at /sys/kernel/tracing';
  try {
    accessSync(join(tracefs, 'instances'), constants.W_OK);
  } catch {
    return 'tracefs is not writable';
  }
  const programs = ['redis-server', 'redis-benchmark', 'trace-cmd', 'strace', 'flock'];
  const absent = programs.filter((name) => spawnSync('which', [name]).status !== 0);
  return absent.length === 0 ? null : `${absent.join(', ')} not installed`;
}

export interface NodeUnderTest {
  readonly root: string;
  readonly directories: Directories;
  /** Runs a command of the program for nodes to its end. */
  readonly perfscope: (
    ...args: string[]
  ) => Promise<{ readonly code: number | null; readonly output: string }>;
  /** Starts one that stays. */
  readonly start: (...args: string[]) => ChildProcess;
  readonly environment: NodeJS.ProcessEnv;
  /** The program for nodes, as a shell would start it. */
  readonly commandLine: string;
  readonly close: () => Promise<void>;
}

const PROGRAM = new URL('../../cli/perfscope-node.ts', import.meta.url).pathname;

export function nodeUnderTest(
  environment: NodeJS.ProcessEnv = {},
  root = mkdtempSync(join(tmpdir(), 'perfscope-test-')),
): NodeUnderTest {
  const directories = { state: join(root, 'state'), spool: join(root, 'spool') };
  const env = { ...process.env, PERFSCOPE_NODE: 'node-1', PERFSCOPE_DEBUG: '1', ...environment };
  const placed = (args: string[]) => [
    PROGRAM,
    ...args,
    ...(args[0] === '--version' ? [] : ['--spool', directories.spool, '--state', directories.state]),
  ];
  const started: ChildProcess[] = [];
  const services = new Set<string>();
  const noteService = (args: string[]) => {
    const service = args[args.indexOf('--service') + 1];
    if (args.includes('--service') && service !== undefined) services.add(service);
  };
  const node: NodeUnderTest = {
    root,
    directories,
    environment: env,
    commandLine: `'${process.execPath}' '${PROGRAM}'`,
    perfscope: (...args) => {
      noteService(args);
      return ended(spawn(process.execPath, placed(args), { env }));
    },
    start: (...args) => {
      noteService(args);
      const child = spawn(process.execPath, placed(args), { env, stdio: ['ignore', 'ignore', 'pipe'] });
      started.push(child);
      return child;
    },
    close: async () => {
      for (const child of started) {
        if (child.exitCode === null && child.signalCode === null) await stopped(child);
      }
      // Only what was armed here: other tests and benchmarks may record on this machine at the same time.
      for (const service of services) await node.perfscope('disarm', '--service', service);
      rmSync(root, { recursive: true, force: true });
    },
  };
  return node;
}

export function ended(child: ChildProcess): Promise<{ code: number | null; output: string }> {
  let output = '';
  child.stdout?.on('data', (bytes: Buffer) => {
    output += bytes;
  });
  child.stderr?.on('data', (bytes: Buffer) => {
    output += bytes;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, output })));
}

export function stopped(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill(signal);
  });
}

export interface Server {
  readonly pid: number;
  readonly port: number;
  /** Requests, as many as given, over 10 connections; returns when they are answered. */
  readonly load: (requests: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

export async function redisServer(port?: number, options: readonly string[] = []): Promise<Server> {
  const chosen = port ?? (await freePort());
  const child = spawn(
    'redis-server',
    ['--port', String(chosen), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', ...options],
    { stdio: 'ignore' },
  );
  const server: Server = {
    pid: child.pid!,
    port: chosen,
    load: async (requests) => {
      const args = ['-p', String(chosen), '-q', '-t', 'set,get', '-c', '10', '-n', String(requests)];
      await ended(spawn('redis-benchmark', args, { stdio: 'ignore' }));
    },
    close: () => stopped(child),
  };
  // Until it answers: redis-cli waits for nothing by itself.
  while (
    spawnSync('redis-cli', ['-p', String(chosen), 'ping'])
      .stdout.toString()
      .trim() !== 'PONG'
  ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return server;
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

export interface Storage {
  readonly environment: NodeJS.ProcessEnv;
  readonly bucket: string;
  readonly client: S3Client;
  readonly keys: () => Promise<string[]>;
  readonly object: (key: string) => Promise<Buffer>;
  readonly close: () => Promise<void>;
}

export async function storage(port = 0): Promise<Storage> {
  const app = buildApp({ logger: false });
  const endpoint = (await app.listen({ port, host: '127.0.0.1' })).replace('localhost', '127.0.0.1');
  const environment = {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  };
  const client = new S3Client({
    endpoint,
    forcePathStyle: true,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  const bucket = 'traces-of-tests';
  const { CreateBucketCommand } = await import('@aws-sdk/client-s3');
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  return {
    environment,
    bucket,
    client,
    keys: async () => {
      const list = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
      return (list.Contents ?? []).map(({ Key }) => Key ?? '').sort();
    },
    object: async (key) => {
      const got = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      return Buffer.from(await got.Body!.transformToByteArray());
    },
    close: async () => {
      client.destroy();
      await app.close();
    },
  };
}

export function instanceExists(service: string): boolean {
  const tracefs = findTracefs();
  return tracefs !== null && existsSync(join(tracefs, 'instances', `perfscope-${service}`));
}

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

/** A real server, and two loads for it: as much as it takes, and a steady share of that. */
export interface ServerUnderLoad {
  readonly name: string;
  /** The processes that do the work. */
  readonly pids: () => number[];
  /** As fast as it answers, for about `seconds`. */
  readonly saturate: (seconds: number) => LoadResult;
  /** At a fixed rate, from 16 connections. */
  readonly pace: (requestsPerSecond: number, seconds: number) => PacedResult;
  readonly close: () => Promise<void>;
}

export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
}

export interface PacedResult extends LoadResult {
  /** From sending a request to the last byte of its answer, microseconds, mean. */
  readonly answerMicros: number;
}

const CONNECTIONS = 16;
const BODY_BYTES = 128;

export async function startRedis(): Promise<ServerUnderLoad> {
  const port = await freePort();
  const child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', ''], {
    stdio: 'ignore',
  });
  await answers(port);
  const command = (...args: string[]) => spawnSync('redis-cli', ['-p', String(port), ...args]);
  command('set', 'key', 'x'.repeat(BODY_BYTES));
  // redis-benchmark counts requests, not seconds: how many it takes is found by the first run.
  let perSecond = 20_000;
  return {
    name: 'redis-server',
    pids: () => [child.pid!],
    saturate(seconds) {
      const requests = Math.max(1_000, Math.round(perSecond * seconds));
      const started = performance.now();
      const args = [
        '-p',
        String(port),
        '-q',
        '-c',
        String(CONNECTIONS),
        '-n',
        String(requests),
        'get',
        'key',
      ];
      spawnSync('redis-benchmark', args);
      const took = (performance.now() - started) / 1000;
      perSecond = requests / took;
      return { requests, seconds: took };
    },
    pace: (rate, seconds) => pace(port, '*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n', BODY_BYTES + 8, rate, seconds),
    close: () => stopped(child),
  };
}

export async function startNginx(folder: string): Promise<ServerUnderLoad> {
  const port = await freePort();
  const root = join(folder, 'nginx');
  mkdirSync(root, { recursive: true });
  writeFileSync(join(root, 'index.html'), 'x'.repeat(BODY_BYTES));
  const scratch = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${join(root, name)};`)
    .join(' ');
  writeFileSync(
    join(root, 'nginx.conf'),
    `daemon off; worker_processes 1; user root; pid ${root}/pid; error_log ${root}/error.log;
events { worker_connections 256; }
http { access_log off; keepalive_requests 100000000; ${scratch}
  server { listen 127.0.0.1:${port}; root ${root}; } }
`,
  );
  const child = spawn('nginx', ['-c', join(root, 'nginx.conf')], { stdio: 'ignore' });
  await answers(port);
  const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
  const responseBytes = await oneResponse(port, request);
  return {
    name: 'nginx',
    pids: () => [child.pid!, ...childrenOf(child.pid!)],
    saturate(seconds) {
      const url = `http://127.0.0.1:${port}/`;
      const args = ['-t', '1', '-c', String(CONNECTIONS), '-d', `${Math.ceil(seconds)}s`, url];
      const output = spawnSync('wrk', args, { encoding: 'utf8' }).stdout;
      const match = /(\d+) requests in ([\d.]+)s/.exec(output);
      if (match === null) throw new Error(`wrk: no result in ${JSON.stringify(output)}`);
      return { requests: Number(match[1]), seconds: Number(match[2]) };
    },
    pace: (rate, seconds) => pace(port, request, responseBytes, rate, seconds),
    close: () => stopped(child),
  };
}

const PACER = new URL('./paced-load.ts', import.meta.url).pathname;

function pace(port: number, request: string, bytes: number, rate: number, seconds: number): PacedResult {
  const args = [port, bytes, rate, seconds, CONNECTIONS].map(String);
  const paced = spawnSync(process.execPath, [PACER, ...args, request], { encoding: 'utf8' });
  if (paced.status !== 0) throw new Error(`paced load: ${paced.stderr}`);
  return JSON.parse(paced.stdout) as PacedResult;
}

/** Nanoseconds that the processes' threads have been on a CPU (schedstat: Documentation/scheduler/sched-stats.rst). */
export function cpuNanoseconds(pids: readonly number[]): number {
  let sum = 0;
  for (const pid of pids) {
    for (const tid of readdirSync(`/proc/${pid}/task`)) {
      sum += Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ')[0]);
    }
  }
  return sum;
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

async function oneResponse(port: number, request: string): Promise<number> {
  const { connect } = await import('node:net');
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    let bytes = 0;
    socket.once('error', reject);
    socket.on('data', (data) => {
      bytes += data.length;
      // Headers and body come in one or two pieces; nothing follows them.
      setTimeout(() => {
        socket.destroy();
        resolve(bytes);
      }, 100);
    });
  });
}

async function answers(port: number): Promise<void> {
  const { connect } = await import('node:net');
  for (;;) {
    const up = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (up) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

function stopped(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

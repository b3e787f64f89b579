import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readTrace } from '../../trace/open-trace.ts';
import type { Trace } from '../../trace/trace.ts';
import { until } from './conditions.ts';
import {
  ended,
  freePort,
  instanceExists,
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
const SERVICE = `faults-${process.pid}`;
const UNIFIED = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((path) =>
  existsSync(join(path, 'cgroup.controllers')),
);

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function count(trace: Trace, name: string): number {
  let rows = 0;
  for (let i = 0; i < trace.length; i++) if (trace.callNames[trace.call[i]!] === name) rows++;
  return rows;
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Waits for a line of a process that stays. */
function line(child: ReturnType<NodeUnderTest['start']>, words: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = '';
    const look = (bytes: Buffer) => {
      seen += bytes;
      if (seen.includes(words)) resolve();
    };
    child.stderr!.on('data', look);
    child.once('exit', () => reject(new Error(`ended before it said ${words}: ${seen}`)));
  });
}

describe.skipIf(missing !== null)(`a recording${missing === null ? '' : ` (skipped: ${missing})`}`, () => {
  let s3: Storage;
  let node: NodeUnderTest;
  let redis: Server;
  let mounts: string[];

  beforeEach(async () => {
    mounts = [];
    s3 = await storage();
    node = nodeUnderTest({ ...s3.environment, PERFSCOPE_BUCKET: s3.bucket });
    redis = await redisServer();
  });

  afterEach(async () => {
    await redis.close();
    for (const mount of mounts) execFileSync('umount', [mount]);
    await node.close();
    await s3.close();
  });

  const arm = (...more: string[]) =>
    node.perfscope('record', '--service', SERVICE, '--pid', String(redis.pid), '--measure', '0.1', ...more);

  const read = async (incident: string): Promise<Trace> => {
    const key = (await s3.keys()).find((name) => name.includes(`/${incident}/`));
    return readTrace(once(zstdDecompressSync(await s3.object(key!))));
  };

  const smallDisk = (path: string, size: string) => {
    mkdirSync(path, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path]);
    mounts.push(path);
  };

  it.skipIf(UNIFIED === undefined)('takes up the service again after a restart', async () => {
    const group = join(UNIFIED!, `perfscope-test-${process.pid}`);
    mkdirSync(group);
    const join_ = (server: Server) => writeFileSync(join(group, 'cgroup.procs'), String(server.pid));
    try {
      join_(redis);
      const watch = node.start(
        'record',
        '--service',
        SERVICE,
        '--cgroup',
        group,
        '--measure',
        '0.1',
        '--watch',
      );
      await line(watch, 'armed');
      await redis.load(300);
      await redis.close();
      const again = await redisServer(redis.port);
      try {
        const taken = line(watch, `processes are now ${again.pid}`);
        join_(again);
        await taken;
        await again.load(300);
        await node.perfscope('ship', '--incident', 'restart');
        const trace = await read('restart');
        const pids = new Set(trace.threads.map(({ pid }) => pid));
        expect(pids).toEqual(new Set([redis.pid, again.pid]));
        expect(new Set(trace.recording!.threads.map(({ exe }) => exe))).toContain('redis-check-rdb');
        expect(count(trace, 'write')).toBeGreaterThanOrEqual(1_200);
        await stopped(watch);
        expect(instanceExists(SERVICE)).toBe(false);
      } finally {
        await again.close();
      }
    } finally {
      rmdirSync(group);
    }
  });

  it('records every thread of a storm of them', async () => {
    const storm = spawn(
      'python3',
      [
        '-c',
        'import sys,threading,os\nsys.stdin.readline()\nfor _ in range(20):\n ts=[threading.Thread(target=os.getppid) for _ in range(20)]\n [t.start() for t in ts]\n [t.join() for t in ts]\nprint("done",flush=True)\nsys.stdin.readline()',
      ],
      { stdio: ['pipe', 'pipe', 'ignore'] },
    );
    await node.perfscope('record', '--service', SERVICE, '--pid', String(storm.pid), '--measure', '0.1');
    const done = new Promise((resolve) => storm.stdout.once('data', resolve));
    storm.stdin.write('\n');
    await done;
    expect(await node.perfscope('ship', '--incident', 'storm')).toMatchObject({ code: 0 });
    storm.stdin.end('\n');
    const trace = await read('storm');
    expect(count(trace, 'getppid')).toBe(400);
    expect(trace.threads.length).toBe(401);
  });

  it('is shipped through memory where the disk is full', async () => {
    smallDisk(node.directories.spool, '64k');
    await arm();
    await redis.load(2_000);
    const result = await node.perfscope('ship', '--incident', 'full');
    expect(result).toMatchObject({ code: 0, output: expect.stringContaining('the disk is full') });
    const trace = await read('full');
    expect(count(trace, 'write')).toBeGreaterThanOrEqual(4_000);
    expect(trace.losses).toEqual([]);
  });

  it('is shipped as far as it goes where memory is full too, and says what is missing', async () => {
    smallDisk(node.directories.spool, '64k');
    smallDisk(node.directories.state, '400k');
    await arm();
    await redis.load(4_000);
    const result = await node.perfscope('ship', '--incident', 'fuller');
    expect(result).toMatchObject({ code: 0, output: expect.stringContaining('no room for all pages') });
    const trace = await read('fuller');
    expect(trace.length).toBeGreaterThan(100);
    expect(trace.recording!.warnings.join()).toContain('no room for all pages');
  });

  it('is kept while S3 refuses it, and sent when S3 takes it', async () => {
    await arm();
    await redis.load(300);
    const port = await freePort();
    const nowhere = { ...node.environment, AWS_ENDPOINT_URL: `http://127.0.0.1:${port}` };
    const cutOff = nodeUnderTest(nowhere, node.root);
    const first = await cutOff.perfscope('ship', '--incident', 'refused', '--patience', '1');
    expect(first).toMatchObject({ code: 1, output: expect.stringContaining('It is kept in') });
    expect(await node.perfscope('ship', '--pending')).toMatchObject({ code: 0 });
    expect(count(await read('refused'), 'write')).toBeGreaterThanOrEqual(600);
    const spooled = readdirSync(join(node.directories.spool, SERVICE, 'outgoing', 'refused'));
    expect(spooled).toEqual(['shipped.json']);
  });

  it.each([60, 150, 250, 350, 500, 650, 800, 1_000])(
    'survives a kill of its shipper after %i ms: the next one ships',
    async (milliseconds) => {
      await arm();
      await redis.load(2_000);
      const victim = node.start('ship', '--incident', 'killed');
      await pause(milliseconds);
      await stopped(victim, 'SIGKILL');
      const result = await node.perfscope('ship', '--incident', 'killed');
      expect(result).toMatchObject({ code: 0 });
      const trace = await read('killed');
      // What the killed one had taken and not yet written is missing, and the trace says so.
      const isWhole = count(trace, 'write') >= 4_000;
      expect(isWhole || trace.losses.length > 0 || trace.recording!.warnings.length > 0).toBe(true);
      expect(trace.length).toBeGreaterThan(1_000);
    },
  );

  it('can be taken back after a kill in the middle of arming', async () => {
    const victim = node.start('record', '--service', SERVICE, '--pid', String(redis.pid), '--measure', '30');
    while (!instanceExists(SERVICE)) await pause(20);
    await stopped(victim, 'SIGKILL');
    expect(instanceExists(SERVICE)).toBe(true);
    expect(await arm()).toMatchObject({ code: 1, output: expect.stringContaining('already armed') });
    expect(await node.perfscope('disarm', '--service', SERVICE)).toMatchObject({ code: 0 });
    expect(instanceExists(SERVICE)).toBe(false);
    expect(await arm()).toMatchObject({ code: 0 });
  });

  it('goes on under a watch that was killed and started again', async () => {
    const command = [
      'record',
      '--service',
      SERVICE,
      '--pid',
      String(redis.pid),
      '--measure',
      '0.1',
      '--watch',
    ];
    const first = node.start(...command);
    await line(first, 'armed');
    await redis.load(200);
    await stopped(first, 'SIGKILL');
    const second = node.start(...command);
    await line(second, 'still armed');
    await node.perfscope('ship', '--incident', 'watched');
    expect(count(await read('watched'), 'write')).toBeGreaterThanOrEqual(400);
  });

  it('belongs to one shipper at a time', async () => {
    const target = ['--service', SERVICE, '--pid', String(redis.pid)];
    const first = node.start('record', ...target, '--measure', '1000');
    await until(() => instanceExists(SERVICE));
    expect(await arm()).toMatchObject({
      code: 1,
      output: expect.stringContaining('another perfscope process'),
    });
    expect(instanceExists(SERVICE)).toBe(true);
    await stopped(first, 'SIGINT');
  });

  it('says how far back it reaches when the ring was overrun, and starts where every CPU is covered', async () => {
    await arm('--memory', '512K');
    await redis.load(20_000);
    const result = await node.perfscope('ship', '--incident', 'overrun');
    expect(result.output).toContain('the ring was too small for the load');
    const trace = await read('overrun');
    expect(trace.recording!.cpus.some(({ overrun }) => overrun > 0)).toBe(true);
    expect(trace.window.coveredFromNs).toBe(0);
    expect(trace.losses).toEqual([]);
    // Calls that were under way when the window starts return without an enter: no more than there are threads.
    const orphans = trace.skips.find(({ reason }) => reason.includes('before the window'))?.count ?? 0;
    expect(orphans).toBeLessThanOrEqual(trace.threads.length);
    expect(trace.skips.filter(({ severity }) => severity === 'loss')).toEqual([]);
  });

  it('finds the alarm’s window although the clock was set meanwhile', async () => {
    await arm();
    await redis.load(500);
    const alarm = Date.now();
    await pause(300);
    // As if the clock had stood 20 s ahead when recording began: alarms until the step carry that time.
    const file = join(node.directories.state, `${SERVICE}.json`);
    const armed = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify({ ...armed, clockOffsets: [armed.clockOffsets[0] + 20] }));
    const at = new Date(alarm + 20_000).toISOString();
    const result = await node.perfscope('ship', '--incident', 'step', '--at', at);
    expect(result).toMatchObject({ code: 0, output: expect.stringContaining('was set by -20.0 s') });
    expect(count(await read('step'), 'write')).toBeGreaterThanOrEqual(1_000);
  });

  it.skipIf(UNIFIED === undefined)(
    'leaves its own shipper out, where that runs in the service’s control group',
    async () => {
      const group = join(UNIFIED!, `perfscope-self-${process.pid}`);
      mkdirSync(group);
      try {
        const program = new URL('../../cli/perfscope-node.ts', import.meta.url).pathname;
        const places = `--spool ${node.directories.spool} --state ${node.directories.state}`;
        const command = `read _; exec ${process.execPath} ${program} ship --incident self ${places}`;
        const self = spawn('sh', ['-c', command], {
          env: node.environment,
          stdio: ['pipe', 'ignore', 'inherit'],
        });
        const finished = ended(self);
        for (const pid of [self.pid!, redis.pid]) writeFileSync(join(group, 'cgroup.procs'), String(pid));
        await node.perfscope('record', '--service', SERVICE, '--cgroup', group, '--measure', '0.1');
        await redis.load(100);
        self.stdin.end('\n');
        expect(await finished).toMatchObject({ code: 0 });
        const trace = await read('self');
        expect(count(trace, 'write')).toBeGreaterThanOrEqual(200);
        const notraced = readFileSync(
          `/sys/kernel/tracing/instances/perfscope-${SERVICE}/set_event_notrace_pid`,
          'utf8',
        );
        expect(notraced).not.toContain('no pids');
      } finally {
        await redis.close();
        rmdirSync(group);
      }
    },
  );
});

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { output, until } from './conditions.ts';
import {
  ended,
  freePort,
  instanceExists,
  missingForRecording,
  type NodeUnderTest,
  nodeUnderTest,
  stopped,
} from './node-under-test.ts';

const missing = missingForRecording();
const SERVICE = `watch-${process.pid}`;
const UNIFIED = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((path) =>
  existsSync(join(path, 'cgroup.controllers')),
);
const group = join(UNIFIED ?? '', `perfscope-watch-${process.pid}`);
const INSTANCE = `/sys/kernel/tracing/instances/perfscope-${SERVICE}`;

const followed = () => readFileSync(join(INSTANCE, 'set_event_pid'), 'utf8').split('\n').map(Number);

describe.skipIf(missing !== null)(`a watch${missing === null ? '' : ` (skipped: ${missing})`}`, () => {
  let node: NodeUnderTest;
  let children: ChildProcess[];

  beforeEach(() => {
    children = [];
    node = nodeUnderTest({
      PERFSCOPE_BUCKET: 'b',
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'k',
      AWS_SECRET_ACCESS_KEY: 's',
    });
  });

  afterEach(async () => {
    await node.perfscope('disarm', '--service', SERVICE); // whichever of a test's nodes armed it
    await node.close();
    await Promise.all(children.map((child) => stopped(child, 'SIGKILL')));
    if (existsSync(group)) await until(isRemoved);
  });

  /** A group is busy until its last process is reaped, and until nobody makes groups below it any more. */
  const isRemoved = (): boolean => {
    try {
      for (const below of readdirSync(group, { withFileTypes: true }))
        if (below.isDirectory()) rmdirSync(join(group, below.name));
      rmdirSync(group);
      return true;
    } catch {
      return false;
    }
  };

  const sleeper = (): number => {
    const child = spawn('sleep', ['100000'], { stdio: 'ignore' });
    children.push(child);
    return child.pid!;
  };

  const startWatch = (...target: string[]) => {
    const child = node.start('record', '--service', SERVICE, '--measure', '0.1', '--watch', ...target);
    return { child, said: output(child.stderr!), finished: ended(child) };
  };

  it('is the only one of its service: a second is refused, and its end harms nothing', async () => {
    const pid = String(sleeper());
    const first = startWatch('--pid', pid);
    await until(() => first.said.text().includes('armed on'));
    const second = await startWatch('--pid', pid).finished;
    expect(second.code).toBe(1);
    expect(second.output).toContain(`already recorded or watched by process ${first.child.pid}`);
    expect(instanceExists(SERVICE)).toBe(true);
    expect(first.child.exitCode).toBeNull();
  });

  it('is ended by disarm, with the recording', async () => {
    const watch = startWatch('--pid', String(sleeper()));
    await until(() => watch.said.text().includes('armed on'));
    const disarmed = await node.perfscope('disarm', '--service', SERVICE);
    expect(disarmed).toMatchObject({
      code: 0,
      output: expect.stringContaining(`ended process ${watch.child.pid}`),
    });
    expect(await watch.finished).toMatchObject({ code: 0 });
    expect(instanceExists(SERVICE)).toBe(false);
  });

  it('says so and fails, so that it is started again, where its recording is taken away', async () => {
    const watch = startWatch('--pid', String(sleeper()));
    await until(() => watch.said.text().includes('armed on'));
    rmdirSync(INSTANCE);
    const { code, output } = await watch.finished;
    expect(code).toBe(1);
    expect(output).toContain('was taken away while it was watched');
  });

  it('says what it waits for, and ends at a signal while it waits', async () => {
    const watch = startWatch('--comm', 'no-such-service');
    await until(() => watch.said.text().includes('waiting for command no-such-service'));
    watch.child.kill('SIGTERM');
    expect(await watch.finished).toMatchObject({ code: 0 });
  });

  it('does not wait for a process id that somebody else may get', async () => {
    const gone = spawn('true');
    await ended(gone);
    const { code, output } = await startWatch('--pid', String(gone.pid)).finished;
    expect(code).toBe(1);
    expect(output).toContain(`expected process ${gone.pid} to run`);
  });

  it('keeps the last calls of a process that has ended as long as the ring is deep, and then ends', async () => {
    const pid = sleeper();
    const watch = startWatch('--pid', String(pid), '--depth', '2');
    await until(() => watch.said.text().includes('armed on'));
    process.kill(pid);
    await until(() => watch.said.text().includes('its last calls can be shipped'));
    expect(instanceExists(SERVICE)).toBe(true);
    expect(await watch.finished).toMatchObject({ code: 0 });
    expect(instanceExists(SERVICE)).toBe(false);
  });

  it('goes on with the process that record names in place of one that has ended', async () => {
    const pid = sleeper();
    const watch = startWatch('--pid', String(pid));
    await until(() => watch.said.text().includes('armed on'));
    process.kill(pid);
    await until(() => watch.said.text().includes('its last calls can be shipped'));
    const restarted = String(sleeper());
    await node.perfscope('record', '--service', SERVICE, '--pid', restarted, '--depth', '1');
    await until(() => watch.said.text().includes(`processes are now ${restarted}`));
    expect(watch.child.exitCode).toBeNull();
  });

  it('takes the whole recording back at a signal while the rate is measured', async () => {
    const measuring = node.start(
      'record',
      '--service',
      SERVICE,
      '--pid',
      String(sleeper()),
      '--measure',
      '1000',
    );
    const finished = ended(measuring);
    await until(() => instanceExists(SERVICE));
    measuring.kill('SIGINT');
    expect(await finished).toMatchObject({ code: 1, output: expect.stringContaining('is not armed') });
    expect(instanceExists(SERVICE)).toBe(false);
  });

  describe.skipIf(UNIFIED === undefined)('of a control group', () => {
    beforeEach(() => mkdirSync(group));

    const join_ = (pid: number) => writeFileSync(join(group, 'cgroup.procs'), String(pid));

    it('goes on while groups below come and go', async () => {
      join_(sleeper());
      const watch = startWatch('--cgroup', group);
      await until(() => watch.said.text().includes('armed on'));
      const below = [1, 2, 3].map((n) => join(group, `x${n}`)).join(' ');
      const churn = spawn('sh', ['-c', `while :; do mkdir ${below}; rmdir ${below}; echo; done`]);
      children.push(churn);
      const rounds = output(churn.stdout);
      await until(() => rounds.text().length > 1_500);
      const late = sleeper();
      join_(late);
      await until(() => followed().includes(late));
      expect(watch.child.exitCode).toBeNull();
      await stopped(churn, 'SIGKILL');
    });

    it('leaves perfscope’s own processes out, where they run among the service’s', async () => {
      join_(sleeper());
      const watch = startWatch('--cgroup', group);
      await until(() => watch.said.text().includes('armed on'));
      const waiting = ['--comm', 'no-such-service', '--watch'];
      const other = node.start('record', '--service', `${SERVICE}-other`, ...waiting);
      join_(other.pid!);
      const last = sleeper();
      join_(last);
      await until(() => followed().includes(last));
      expect(followed()).not.toContain(other.pid);
      await stopped(other);
    });

    it('takes up restarts and obeys signals while S3 hangs', async () => {
      const busy = spawn('sh', ['-c', 'while sleep 0.05; do :; done'], { stdio: 'ignore' });
      children.push(busy);
      join_(busy.pid!);
      const nowhere = `http://127.0.0.1:${await freePort()}`;
      const cutOff = nodeUnderTest({ ...node.environment, AWS_ENDPOINT_URL: nowhere }, node.root);
      await cutOff.perfscope('record', '--service', SERVICE, '--cgroup', group, '--measure', '0.5');
      const kept = await cutOff.perfscope('ship', '--incident', 'kept', '--patience', '0');
      expect(kept.output).toContain('It is kept in');
      const hanging = await hangingServer();
      try {
        node = nodeUnderTest({ ...node.environment, AWS_ENDPOINT_URL: hanging.url }, node.root);
        const watch = startWatch('--cgroup', group);
        await until(() => watch.said.text().includes('still armed from before'));
        await until(() => hanging.connections() > 0);
        const restarted = sleeper();
        join_(restarted);
        await until(() => followed().includes(restarted));
        watch.child.kill('SIGTERM');
        expect(await watch.finished).toMatchObject({ code: 0 });
        expect(instanceExists(SERVICE)).toBe(false);
        await until(() => hanging.connections() === 0);
      } finally {
        hanging.server.close();
      }
    });
  });
});

/** Takes connections and never answers. */
async function hangingServer(): Promise<{ server: Server; url: string; connections: () => number }> {
  let open = 0;
  const server = createServer((socket) => {
    open++;
    socket.on('error', () => {});
    socket.resume();
    socket.once('close', () => open--);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { server, url: `http://127.0.0.1:${port}`, connections: () => open };
}

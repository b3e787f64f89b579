import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cgroup, createCgroup } from './cgroup.ts';
import { type Disk, mountDisk } from './disk.ts';
import { takePorts } from './ports.ts';
import type { Action, Command, LoadCommand, Place, Running, ServerRecipe } from './recipe.ts';

const DEFAULT_CPU_LIMIT = 0.5;
const READY_SECONDS = 60;
const TERM_SECONDS = 3;
const SWITCH_BYTES = 4096;
const LOAD_PRIORITY = -10;
/** The same for everyone who makes a corpus; nothing of the driver's own environment reaches what is recorded. */
const PLAIN_ENVIRONMENT = { PATH: process.env.PATH ?? '/usr/bin:/bin', HOME: '/root', LANG: 'C.UTF-8' };

/** One server under its load, in a control group, with a switch. */
export interface ServerRun {
  readonly place: Place;
  readonly cgroup: Cgroup;
  readonly clientLog: string;
  start(): Promise<void>;
  running(): Running;
  isAlive(): boolean;
  throwSwitch(k: number): void;
  act(action: Action): Promise<void>;
  openDescriptors(): number;
  end(): Promise<void>;
}

const live = new Set<() => void>();

/** Ends everything that runs, at once: for a driver that is told to stop. */
export function endAllRuns(): void {
  for (const end of live) end();
}

export interface RunOptions {
  readonly recipe: ServerRecipe;
  readonly buildFolder: string;
  readonly runFolder: string;
  readonly seed: number;
  readonly load: LoadCommand;
  readonly ownDisk: boolean;
}

/** Prepares a run: folder, ports, control group, load. The server starts with `start`. */
export async function openRun({
  recipe,
  buildFolder,
  runFolder,
  seed,
  load,
  ownDisk,
}: RunOptions): Promise<ServerRun> {
  const block = await takePorts(recipe.portCount);
  rmSync(runFolder, { recursive: true, force: true });
  const diskFolder = join(runFolder, 'disk');
  mkdirSync(diskFolder, { recursive: true });
  const cgroup = createCgroup(`perfscope-corpus-${process.pid}-${block.ports[0]}`);
  let disk: Disk | undefined;
  let server: ChildProcess | undefined;
  let loadProcess: ChildProcess | undefined;
  let neighbour: ChildProcess | undefined;
  const killAll = (signal: NodeJS.Signals) => {
    for (const pid of cgroup.pids()) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has just ended.
      }
    }
  };
  const endNow = () => {
    disk?.remove();
    disk = undefined;
    killAll('SIGKILL');
    neighbour?.kill('SIGKILL');
    loadProcess?.kill('SIGKILL');
  };
  live.add(endNow);
  const limit = recipe.cpuLimit ?? DEFAULT_CPU_LIMIT;
  cgroup.limitCpu(limit);
  if (ownDisk) disk = mountDisk(join(runFolder, 'disk.img'), diskFolder);
  const switchFile = join(runFolder, 'switch');
  const switchWord = openSync(switchFile, 'w+');
  writeSync(switchWord, Buffer.alloc(SWITCH_BYTES));
  const place: Place = { buildFolder, runFolder, diskFolder, ports: block.ports, switchFile, seed };
  const clientLog = join(runFolder, 'clients.jsonl');

  const stopServer = async () => {
    cgroup.limitCpu(limit);
    killAll('SIGCONT');
    killAll('SIGTERM');
    const until = performance.now() + TERM_SECONDS * 1000;
    while (cgroup.pids().length > 0) {
      if (performance.now() > until) killAll('SIGKILL');
      await sleep(30);
    }
  };
  const running = (): Running => {
    if (server?.pid === undefined) throw new Error(`${recipe.name} has not been started`);
    return { place, pid: server.pid };
  };
  const startServer = async () => {
    server = startInside(recipe.server(place), place, cgroup);
    await once(server, 'spawn');
    await (recipe.ready ?? acceptsOnFirstPort)(running());
  };
  const tell = (command: LoadCommand) => {
    loadProcess?.stdin?.write(`${JSON.stringify(command)}\n`);
  };
  return {
    place,
    cgroup,
    clientLog,
    running,
    async start() {
      await recipe.prepare(place);
      loadProcess = await startLoad(recipe.load(place, clientLog));
      await startServer();
      tell(load);
    },
    isAlive: () => cgroup.pids().length > 0,
    throwSwitch(k) {
      const word = Buffer.alloc(4);
      word.writeUInt32LE(k);
      writeSync(switchWord, word, 0, 4, 0);
    },
    async act(action) {
      switch (action.do) {
        case 'load': {
          const { do: _, ...command } = action;
          tell(command);
          return;
        }
        case 'cpu-quota':
          cgroup.limitCpu(action.share ?? limit);
          return;
        case 'neighbour':
          if (action.running) neighbour = startNeighbour(cgroup);
          else neighbour?.kill('SIGKILL');
          return;
        case 'disk':
          if (disk === undefined) throw new Error('the run has no disk of its own');
          disk.set(action.state);
          return;
        case 'signal':
          process.kill(running().pid, action.signal);
          return;
        case 'restart':
          await stopServer();
          await startServer();
          return;
        case 'freeze':
          killAll(action.frozen ? 'SIGSTOP' : 'SIGCONT');
          return;
        case 'own': {
          const own = recipe.actions?.[action.name];
          if (own === undefined) throw new Error(`${recipe.name} has no action '${action.name}'`);
          await own(running());
          return;
        }
      }
    },
    openDescriptors() {
      let open = 0;
      for (const pid of cgroup.pids()) {
        try {
          open += readdirSync(`/proc/${pid}/fd`).length;
        } catch {
          // It has just ended.
        }
      }
      return open;
    },
    async end() {
      if (!live.has(endNow)) return;
      disk?.set('normal');
      neighbour?.kill('SIGKILL');
      await stopServer();
      if (loadProcess !== undefined && loadProcess.exitCode === null) {
        const ended = once(loadProcess, 'exit');
        loadProcess.stdin?.end();
        const timer = setTimeout(() => loadProcess?.kill('SIGKILL'), 3000);
        await ended;
        clearTimeout(timer);
      }
      disk?.remove();
      live.delete(endNow);
      closeSync(switchWord);
      await cgroup.remove();
      block.release();
    },
  };
}

/** Starts a command as a member of the control group from its first instruction on. */
function startInside(command: Command, place: Place, cgroup: Cgroup): ChildProcess {
  const joins = cgroup.joinFiles.map((file) => `echo $$ > '${file}'`).join(' && ');
  const files = command.openFiles === undefined ? '' : `ulimit -n ${command.openFiles} && `;
  const log = openSync(join(place.runFolder, 'server.out'), 'a');
  const server = spawn(
    '/bin/sh',
    ['-c', `${files}${joins} && exec "$0" "$@"`, command.program, ...command.args],
    {
      cwd: command.cwd ?? place.runFolder,
      env: { ...PLAIN_ENVIRONMENT, PERFSCOPE_SWITCH: place.switchFile, ...command.env },
      stdio: ['ignore', log, log],
    },
  );
  closeSync(log);
  return server;
}

async function startLoad(command: Command): Promise<ChildProcess> {
  const load = spawn(command.program, command.args, {
    env: { ...PLAIN_ENVIRONMENT, ...command.env },
    stdio: ['pipe', 'pipe', 'inherit'],
    ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
  });
  load.stdin?.on('error', () => {});
  const ready = new Promise<void>((resolve) => {
    load.stdout?.on('data', (chunk: Buffer) => chunk.toString().includes('ready') && resolve());
  });
  const ended = once(load, 'exit').then(([code]) => {
    throw new Error(`the load ended with ${code} before it was ready`);
  });
  await Promise.race([ready, ended]);
  ended.catch(() => {});
  // What clients notice must come from the server, not from a crowded machine.
  if (load.pid !== undefined) setPriority(load.pid, LOAD_PRIORITY);
  return load;
}

function startNeighbour(cgroup: Cgroup): ChildProcess {
  return spawn('/bin/sh', ['-c', `echo $$ > '${cgroup.cpuJoinFile}' && while :; do :; done`], {
    stdio: 'ignore',
  });
}

function lastWords({ runFolder }: Place): string {
  return readFileSync(join(runFolder, 'server.out'), 'utf8').trim().split('\n').slice(-5).join(' | ');
}

async function acceptsOnFirstPort({ place, pid }: Running): Promise<void> {
  const [port] = place.ports;
  for (const until = performance.now() + READY_SECONDS * 1000; ; await sleep(50)) {
    if (await accepts(port as number)) return;
    try {
      process.kill(pid, 0);
    } catch (cause) {
      throw new Error(`the server ended before it served; it said: ${lastWords(place)}`, { cause });
    }
    if (performance.now() > until) throw new Error(`no server on port ${port} after ${READY_SECONDS} s`);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

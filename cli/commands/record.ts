import { cpus } from 'node:os';
import { type Command, Option } from 'commander';
import { ShipperError } from '../../shipper/errors.ts';
import type { RecordOptions } from '../../shipper/record.ts';
import { DEPTH_SECONDS } from '../../shipper/ring-size.ts';

const HELP = `
The kernel records; nothing of perfscope runs while a service is armed, unless --watch is given.
It takes root. Everything is taken back by «perfscope disarm».

Examples:
  perfscope record --service redis --unit redis-server.service --bucket my-traces
  perfscope record --service api --cgroup /system.slice/api.service --memory 1G --watch
  perfscope record --service api --pid 4711 --recorder strace      where tracefs cannot be had`;

interface Options {
  readonly service: string;
  readonly unit?: string;
  readonly cgroup?: string;
  readonly pid?: string[];
  readonly comm?: string;
  readonly recorder: 'tracefs' | 'strace';
  readonly memory?: string;
  readonly depth: string;
  readonly measure: string;
  readonly switches?: boolean;
  readonly watch?: boolean;
  readonly build?: string;
  readonly node?: string;
  readonly bucket?: string;
  readonly spool?: string;
  readonly state?: string;
}

export function register(program: Command): void {
  program
    .command('record')
    .summary("on a node: keep a service's last minutes of system calls")
    .description(
      "Arms the recording of a service's system calls on this node, in a ring that holds the last minutes.",
    )
    .requiredOption('--service <name>', 'what the service is called in incidents, signatures and S3 keys')
    .option('--unit <unit>', 'record the processes of this systemd unit')
    .option('--cgroup <path>', 'record the processes of this control group')
    .option('--pid <id...>', 'record these processes')
    .option('--comm <name>', 'record all processes of this command name (/proc/PID/comm)')
    .addOption(
      new Option('--recorder <kind>', 'tracefs, or strace where tracefs cannot be had')
        .choices(['tracefs', 'strace'])
        .default('tracefs'),
    )
    .option(
      '--memory <size>',
      'most memory for the ring, of all CPUs (default: 1/16 of the machine, at most 512M)',
    )
    .option('--depth <seconds>', 'how far back the ring should reach', String(DEPTH_SECONDS))
    .option('--measure <seconds>', 'how long to measure the rate before sizing the ring', '5')
    .option('--switches', 'record context switches as well')
    .option('--watch', 'stay: take up restarts, follow the load, send what S3 did not take')
    .option('--build <version>', "the service's build, to choose the signatures by")
    .option('--node <name>', 'name of this node (default: the EC2 instance id under SSM, else the host name)')
    .option('--bucket <name>', 'bucket for traces (default: PERFSCOPE_BUCKET)')
    .option('--spool <directory>', 'where pages and unsent traces are kept', '/var/lib/perfscope')
    .option('--state <directory>', 'where it is noted what is armed', '/run/perfscope')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const recording = await recordOptions(options);
      const stop = stopSignal();
      if (options.recorder === 'strace') {
        say(`${recording.service}: recording with strace until interrupted; this slows the service down`);
        const { recordByStrace } = await import('../../shipper/strace/record-by-strace.ts');
        return recordByStrace(recording, stop, say);
      }
      const { armAndWatch, describeArming } = await import('../../shipper/watch.ts');
      if (options.watch === true) return armAndWatch(recording, say, stop);
      const { recordRing } = await import('../../shipper/record.ts');
      const armed = await recordRing(recording, stop);
      if (armed.kind === 'interrupted') {
        throw new ShipperError(
          `interrupted while the rate was measured: ${recording.service} is not armed, nothing is left behind`,
        );
      }
      say(`${recording.service}: ${describeArming(armed)}`);
    });
}

async function recordOptions(options: Options): Promise<RecordOptions> {
  const { checkedName, nodeName } = await import('../../shipper/names.ts');
  const { parseDirectories, parseMemory, parseSeconds, parseTarget } = await import(
    '../../shipper/options.ts'
  );
  return {
    directories: parseDirectories(options),
    service: checkedName('a service name (--service)', options.service),
    build: options.build === undefined ? null : checkedName('a build (--build)', options.build),
    node: nodeName(options.node, process.env),
    // An empty name is what a line such as PERFSCOPE_BUCKET= leaves: none.
    bucket: options.bucket || process.env.PERFSCOPE_BUCKET || null,
    target: parseTarget(options),
    capBytes: options.memory === undefined ? null : parseMemory(options.memory, cpus().length),
    depthSeconds: parseSeconds(options.depth),
    measureSeconds: parseSeconds(options.measure),
    contextSwitches: options.switches ?? false,
  };
}

/** Every further signal changes nothing: what is being taken back is taken back to the end. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => controller.abort());
  return controller.signal;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

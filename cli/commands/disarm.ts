import type { Command } from 'commander';

interface Options {
  readonly service?: string;
  readonly spool?: string;
  readonly state?: string;
}

export function register(program: Command): void {
  program
    .command('disarm')
    .summary('on a node: stop recording and take everything back')
    .description(
      'Removes the recording of a service, or of all, from the kernel and from this node, also what a crash left behind. Traces that S3 did not take yet stay («perfscope ship --pending»).',
    )
    .option('--service <name>', 'only this service (default: all)')
    .option('--spool <directory>', 'where pages and unsent traces are kept', '/var/lib/perfscope')
    .option('--state <directory>', 'where it is noted what is armed', '/run/perfscope')
    .action(async (options: Options) => {
      const { checkedName } = await import('../../shipper/names.ts');
      const { parseDirectories } = await import('../../shipper/options.ts');
      const { armedServices, disarm } = await import('../../shipper/record.ts');
      const directories = parseDirectories(options);
      const services =
        options.service === undefined
          ? armedServices(directories)
          : [checkedName('a service name (--service)', options.service)];
      for (const service of services) {
        const was = await disarm(directories, service);
        process.stderr.write(was ? `disarmed: ${service}\n` : `${service} was not armed\n`);
      }
      if (services.length === 0) process.stderr.write('nothing was armed\n');
    });
}

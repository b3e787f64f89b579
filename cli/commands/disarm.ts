import type { Command } from 'commander';
import { ShipperError } from '../../shipper/errors.ts';

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
      'Removes the recording of a service, or of all, from the kernel and from this node, also what a crash left behind. It ends the process that records with strace or watches the recording. Traces that S3 did not take yet stay («perfscope ship --pending»).',
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
      const failed: string[] = [];
      for (const service of services) {
        try {
          const was = await disarm(directories, service, say);
          say(was ? `disarmed: ${service}` : `${service} was not armed`);
        } catch (error) {
          if (!(error instanceof ShipperError)) throw error;
          say(`${service}: ${error.message}`);
          failed.push(service);
        }
      }
      if (services.length === 0) say('nothing was armed');
      if (failed.length > 0)
        throw new ShipperError(`not everything of ${failed.join(', ')} could be taken back`);
    });
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

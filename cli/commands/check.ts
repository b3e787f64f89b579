import type { Command } from 'commander';
import type { NodeCheck } from '../../shipper/check.ts';
import { ShipperError } from '../../shipper/errors.ts';

interface Options {
  readonly json?: boolean;
  readonly spool?: string;
  readonly state?: string;
}

export function register(program: Command): void {
  program
    .command('check')
    .summary('on a node: say what it can record, and what is missing')
    .description(
      'Says which recorder works on this node, and for each thing that is missing, what to do about it. It changes nothing.',
    )
    .option('--json', 'as JSON')
    .option('--spool <directory>', 'where pages and unsent traces are kept', '/var/lib/perfscope')
    .option('--state <directory>', 'where it is noted what is armed', '/run/perfscope')
    .action(async (options: Options) => {
      const { checkNode } = await import('../../shipper/check.ts');
      const { parseDirectories } = await import('../../shipper/options.ts');
      const result = checkNode(parseDirectories(options));
      process.stdout.write(
        options.json === true ? `${JSON.stringify(result, null, 2)}\n` : described(result),
      );
      if (result.recorder === null) {
        throw new ShipperError(
          'this node can record with neither tracefs nor strace: see above for what to do',
        );
      }
    });
}

function described({ recorder, findings }: NodeCheck): string {
  const lines = findings.flatMap(({ ok, what, found, remedy }) => [
    `${ok ? 'ok     ' : 'missing'}  ${what}: ${found}`,
    ...(ok ? [] : [`         ${remedy}`]),
  ]);
  return `${lines.join('\n')}\nrecorder: ${recorder ?? 'none'}\n`;
}

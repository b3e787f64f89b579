import { setPriority } from 'node:os';
import type { Command } from 'commander';
import { WINDOW_SECONDS } from '../../shipper/clock.ts';
import { ShipperError } from '../../shipper/errors.ts';

/** The service comes first on the CPU (setpriority(2)). */
const LOWEST_PRIORITY = 19;

const HELP = `
Cuts the time before the alarm out of the recording, takes everything out of it that is not a number, a time or
an id, and sends it to s3://BUCKET/traces/SERVICE/INCIDENT/NODE/. The recording goes on. Asking twice for the same
incident sends once.

Examples:
  perfscope ship --incident 2026-11-23-latency --at 2026-11-23T03:15:42Z
  perfscope ship --pending                       send what S3 did not take earlier`;

interface Options {
  readonly incident?: string;
  readonly service?: string;
  readonly at?: string;
  readonly window: string;
  readonly bucket?: string;
  readonly patience: string;
  readonly pending?: boolean;
  readonly spool?: string;
  readonly state?: string;
}

export function register(program: Command): void {
  program
    .command('ship')
    .summary('on a node: send the system calls before an alarm to S3')
    .description("Sends the last minutes of an armed service's system calls to S3.")
    .option('--incident <id>', 'the incident that the trace belongs to')
    .option('--service <name>', 'the armed service (default: the only one)')
    .option('--at <time>', 'the alarm’s time, ISO 8601 (default: now)')
    .option('--window <seconds>', 'how much time before the alarm', String(WINDOW_SECONDS))
    .option('--bucket <name>', 'bucket for traces (default: the one given to record, PERFSCOPE_BUCKET)')
    .option('--patience <seconds>', 'how long to try while S3 does not answer', '120')
    .option('--pending', 'send what was kept because S3 did not take it')
    .option('--spool <directory>', 'where pages and unsent traces are kept', '/var/lib/perfscope')
    .option('--state <directory>', 'where it is noted what is armed', '/run/perfscope')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      setPriority(LOWEST_PRIORITY);
      const { parseDirectories, parseSeconds } = await import('../../shipper/options.ts');
      const { ship, shipPending } = await import('../../shipper/ship.ts');
      const { s3Client } = await import('../../shipper/upload.ts');
      const directories = parseDirectories(options);
      const patienceSeconds = parseSeconds(options.patience);
      const client = () => s3Client(process.env);
      if (options.pending === true) {
        const kept = await shipPending(directories, client, patienceSeconds, say);
        if (kept > 0) throw new ShipperError(`${kept} traces are still here: S3 does not take them`);
        return;
      }
      if (options.incident === undefined) {
        throw new ShipperError(
          'expected --incident ID, or --pending for what was kept earlier; found neither',
        );
      }
      const shipped = await ship({
        directories,
        service: options.service,
        incident: options.incident,
        at: options.at ?? null,
        windowSeconds: parseSeconds(options.window),
        bucket: options.bucket ?? process.env.PERFSCOPE_BUCKET ?? null,
        patienceSeconds,
        environment: process.env,
        client,
        report: say,
      });
      for (const warning of shipped.warnings) say(`note: ${warning}`);
      say(`${shipped.isNew ? 'sent' : 'was already sent'}: s3://${shipped.bucket}/${shipped.key}`);
    });
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

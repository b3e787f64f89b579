import { setPriority } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import { alarmSeconds } from '../../shipper/alarm-time.ts';
import { WINDOW_SECONDS } from '../../shipper/clock.ts';
import { ShipperError } from '../../shipper/errors.ts';
import { exitCodes } from '../exit-code.ts';

/** The service comes first on the CPU (setpriority(2)). */
const LOWEST_PRIORITY = 19;

const HELP = `
Cuts the time before the alarm out of the recording, takes everything out of it that is not a number, a time or
an id, and sends it to s3://BUCKET/traces/SERVICE/INCIDENT/NODE/. The recording goes on. Asking twice for the same
incident sends once, unless --again is given.

Examples:
  perfscope ship --incident 2026-11-23-latency --at 2026-11-23T03:15:42Z
  perfscope ship --pending                       send what S3 did not take earlier
  perfscope ship --pending --bucket my-traces    … to another bucket than it was meant for`;

interface Options {
  readonly incident?: string;
  readonly service?: string;
  readonly at?: string;
  readonly window: number;
  readonly bucket?: string;
  readonly patience: number;
  readonly pending?: boolean;
  readonly again?: boolean;
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
    .option('--at <time>', 'the alarm’s time with its zone, ISO 8601 (default: now)', checkedTime)
    .option('--window <seconds>', 'how much time before the alarm', seconds(1), WINDOW_SECONDS)
    .option('--bucket <name>', 'bucket for traces (default: the one given to record, else PERFSCOPE_BUCKET)')
    .option('--patience <seconds>', 'how long to try while S3 does not answer; 0: once', seconds(0), 120)
    .option('--pending', 'send what was kept because S3 did not take it')
    .option('--again', 'send an incident once more that was sent or kept already')
    .option('--spool <directory>', 'where pages and unsent traces are kept', '/var/lib/perfscope')
    .option('--state <directory>', 'where it is noted what is armed', '/run/perfscope')
    .addHelpText('after', HELP)
    .action(async (options: Options, command: Command) => {
      if ((options.pending ?? false) === (options.incident !== undefined)) {
        command.error('error: expected --incident ID, or --pending for what was kept earlier', USAGE);
      }
      setPriority(LOWEST_PRIORITY);
      const { parseDirectories } = await import('../../shipper/options.ts');
      const { s3Client } = await import('../../shipper/upload.ts');
      const directories = parseDirectories(options);
      const client = () => s3Client(process.env);
      if (options.incident === undefined) {
        const { shipPending } = await import('../../shipper/send-trace.ts');
        const { bucket } = options;
        const kept = await shipPending(directories, client, options.patience, say, { bucket });
        const still = kept === 1 ? 'one trace is' : `${kept} traces are`;
        if (kept > 0) throw new ShipperError(`${still} still here: S3 does not take them`);
        return;
      }
      const { ship } = await import('../../shipper/ship.ts');
      const shipped = await ship({
        directories,
        service: options.service,
        incident: options.incident,
        at: options.at ?? null,
        windowSeconds: options.window,
        bucket: options.bucket ?? null,
        again: options.again ?? false,
        patienceSeconds: options.patience,
        environment: process.env,
        client,
        report: say,
      });
      for (const warning of shipped.warnings) say(`note: ${warning}`);
      say(
        shipped.isNew
          ? `sent: s3://${shipped.bucket}/${shipped.key}`
          : `was already sent: s3://${shipped.bucket}/${shipped.key} (--again sends it once more)`,
      );
    });
}

const USAGE = { exitCode: exitCodes.usage };

/** As it was given: the trace says by which time it was cut. */
function checkedTime(text: string): string {
  try {
    alarmSeconds(text);
    return text;
  } catch (error) {
    throw error instanceof ShipperError ? new InvalidArgumentError(error.message) : error;
  }
}

function seconds(least: number): (text: string) => number {
  return (text) => {
    const given = text.trim() === '' ? Number.NaN : Number(text);
    if (Number.isFinite(given) && given >= least) return given;
    throw new InvalidArgumentError(`expected a number of seconds, at least ${least}`);
  };
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

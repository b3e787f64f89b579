import type { Command } from 'commander';
import { restIsMissing } from '../../trace/open-trace.ts';
import { PERF_SCRIPT_COMMAND } from '../../trace/readers/recording-commands.ts';
import type { Architecture } from '../../trace/trace.ts';
import { architectureOption } from '../architecture-option.ts';
import { InputError } from '../input-error.ts';
import { writeOutput } from '../output.ts';
import { createProgress } from '../progress.ts';
import { readTraceInput } from '../trace-input.ts';

interface InferOptions {
  readonly signatures?: string;
  readonly json?: string;
  readonly html?: string;
  readonly arch?: Architecture;
}

export function register(program: Command): void {
  program
    .command('infer')
    .summary("name the functions behind a trace's abnormal behaviour")
    .description(
      'Finds what is abnormal in the last minutes of a server’s system calls and names the functions most likely ' +
        'behind it. Without signatures it still says what is abnormal, since when, and the path of calls that led there.',
    )
    .argument(
      '<trace>',
      'perf script or strace text, or trace.dat, plain, gzip or zstd; - is standard input (docs/formats.md)',
    )
    .option('--signatures <file>', 'signature set of the service, from perfscope mine')
    .option('--json <file>', 'also write the report as JSON (perfscope.report/1); - is standard output')
    .option('--html <file>', 'also write the report as a page (HTML, self-contained)')
    .addOption(architectureOption())
    .addHelpText(
      'after',
      `
Examples:
  perf record -o incident.data -m 16M -k CLOCK_MONOTONIC -e 'raw_syscalls:sys_*,sched:sched_switch' \\
      -p "$(pidof shopd)" -- sleep 90
  perf script -i incident.data -F comm,pid,tid,cpu,time,event,trace > incident.perf-script
  perfscope infer incident.perf-script --signatures signatures.json

Where perf cannot be had, at a much higher cost for the server (Ctrl-C after 90 seconds):
  strace -f -ttt -T -s 0 -o incident.strace -p "$(pidof shopd)"
  perfscope infer incident.strace --signatures signatures.json --json report.json

What a node shipped:
  aws s3 cp s3://BUCKET/traces/SERVICE/INCIDENT/NODE/trace.dat.zst .
  perfscope infer trace.dat.zst --signatures signatures.json`,
    )
    .action(async (path: string, options: InferOptions) => {
      const progress = createProgress();
      const [{ infer }, { renderTerminalReport }, { writeReport }, { readSignatureFile }] = await Promise.all(
        [
          import('../../inference/infer.ts'),
          import('../../report/terminal.ts'),
          import('../../report/write-report.ts'),
          import('../signature-input.ts'),
        ],
      );
      const signatures =
        options.signatures === undefined ? null : await readSignatureFile(options.signatures);
      const trace = await readTraceInput(path, {
        stacks: true,
        progress,
        ...(options.arch === undefined ? {} : { architecture: options.arch }),
      });
      progress.show('inferring');
      const report = writeReport(infer(trace, signatures));
      progress.clear();
      if (options.json !== undefined) writeOutput(options.json, `${JSON.stringify(report, null, 2)}\n`);
      if (options.html !== undefined) {
        const { writePage } = await import('../../report/page.ts');
        writeOutput(options.html, writePage(report));
      }
      if (options.json !== '-' && options.html !== '-') process.stdout.write(renderTerminalReport(report));
      if (restIsMissing(trace)) {
        throw new InputError(
          `${path}: compressed data that ends early or is damaged; expected a whole file, the report is of what came ` +
            `before. Copy it again, or record it again with \`${PERF_SCRIPT_COMMAND} | gzip\``,
        );
      }
    });
}

import { Command } from 'commander';
import packageFile from '../package.json' with { type: 'json' };
import { register as registerCheck } from './commands/check.ts';
import { register as registerDisarm } from './commands/disarm.ts';
import { register as registerEval } from './commands/eval.ts';
import { register as registerInfer } from './commands/infer.ts';
import { register as registerMine } from './commands/mine.ts';
import { register as registerRecord } from './commands/record.ts';
import { register as registerShip } from './commands/ship.ts';

/**
 * The commands, in the order of the help. A command is a file in commands/ that exports `register(program)`; it
 * imports what is heavy inside its action, so that `--help` and the other commands start fast.
 */
const commands = [
  registerMine,
  registerInfer,
  registerEval,
  registerRecord,
  registerShip,
  registerDisarm,
  registerCheck,
] as const;

export function createProgram(): Command {
  const program = new Command('perfscope')
    .description(
      "Names the functions that most likely hold a server's performance bug, from nothing but the last minutes of\n" +
        'its system calls (Dean et al., "PerfScope", SoCC 2014).',
    )
    .version(packageFile.version)
    .showHelpAfterError('(perfscope --help shows all commands, perfscope COMMAND --help one of them)')
    .exitOverride()
    .addHelpText(
      'after',
      `
The way from a profile to a suspect:
  1. In staging, profile the build under normal load and learn its functions' signatures:
       perf record -e 'raw_syscalls:sys_*' --call-graph dwarf -p PID -o perf.data -- sleep 60
       perf script -i perf.data -F comm,pid,tid,cpu,time,event,trace,ip,sym,dso | gzip > normal.perf-script.gz
       perfscope mine normal*.perf-script.gz --service shop --build 1.4.2 -o signatures.json
  2. In production, when it hangs or slows down, take the last 90 seconds of system calls:
       perf record -e 'raw_syscalls:sys_*' -p PID -o perf.data -- sleep 90
       perf script -i perf.data -F comm,pid,tid,cpu,time,event,trace > incident.perf-script
  3. perfscope infer incident.perf-script --signatures signatures.json

Exit codes: 0 done (also when nothing is wrong), 1 bad input, 2 usage, 3 a fault of this program.`,
    );
  for (const register of commands) register(program);
  return program;
}

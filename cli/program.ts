import { Command } from 'commander';
import packageFile from '../package.json' with { type: 'json' };
import { register as registerCheck } from './commands/check.ts';
import { register as registerDemo } from './commands/demo.ts';
import { register as registerDisarm } from './commands/disarm.ts';
import { register as registerEval } from './commands/eval.ts';
import { register as registerInfer } from './commands/infer.ts';
import { register as registerMine } from './commands/mine.ts';
import { register as registerPerfMap } from './commands/perf-map.ts';
import { register as registerPublish } from './commands/publish.ts';
import { register as registerRecord } from './commands/record.ts';
import { register as registerReplay } from './commands/replay.ts';
import { register as registerShip } from './commands/ship.ts';

/**
 * The commands, in the order of the help. A command is a file in commands/ that exports `register(program)`; it
 * imports what is heavy inside its action, so that `--help` and the other commands start fast.
 */
const commands = [
  registerMine,
  registerInfer,
  registerEval,
  registerPublish,
  registerReplay,
  registerPerfMap,
  registerRecord,
  registerShip,
  registerDisarm,
  registerCheck,
  registerDemo,
] as const;

export function createProgram(): Command {
  const program = new Command('perfscope')
    .description(
      "Names the functions that most likely hold a server's performance bug, from nothing but the last minutes of " +
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
       perf record -o normal.data -m 8M -k CLOCK_MONOTONIC -e 'raw_syscalls:sys_*,sched:sched_switch' \\
           --call-graph dwarf,8192 --user-callchains -p PID -- sleep 45
       perf script -i normal.data --no-inline -F comm,pid,tid,cpu,time,event,trace,ip,sym,dso | gzip > normal.gz
       perfscope mine normal.gz --service shop --build 1.4.2 -o signatures.json
     That is for C and C++. Node.js and Java need --call-graph fp and flags of their own: docs/profiling.md.
     Profiles of several workloads name more functions than one.
  2. In production, when it hangs or slows down, take 90 seconds of system calls, without stacks:
       perf record -o incident.data -m 16M -k CLOCK_MONOTONIC -e 'raw_syscalls:sys_*,sched:sched_switch' \\
           -p PID -- sleep 90
       perf script -i incident.data -F comm,pid,tid,cpu,time,event,trace | gzip > incident.gz
  3. perfscope infer incident.gz --signatures signatures.json

Exit codes: 0 done (also when nothing is wrong), 1 bad input, 2 usage, 3 a fault of this program.`,
    );
  for (const register of commands) register(program);
  return program;
}

#!/usr/bin/env node
import { Command } from 'commander';
import { SHIPPER_VERSION } from '../shipper/version.ts';
import { register as registerCheck } from './commands/check.ts';
import { register as registerDisarm } from './commands/disarm.ts';
import { register as registerRecord } from './commands/record.ts';
import { register as registerShip } from './commands/ship.ts';
import { exitCodes, failureOf } from './exit-code.ts';

// Whoever read our words may be gone: `check | head`, a session that closed, an agent that was restarted. That is no
// reason to leave a trace unsent or a watch unkept.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

// On Node.js 20 the AWS SDK writes eight lines about its future versions at every call. This file carries the version
// that it was built with, so that they only hide what an operator must read.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

/** The commands that a node needs, and nothing else: what the single file for nodes is made of. */
async function main(): Promise<number> {
  const program = new Command('perfscope')
    .description(
      "The part of PerfScope that runs on a node: records a service's system calls and ships them.",
    )
    .version(SHIPPER_VERSION)
    .exitOverride();
  for (const register of [registerRecord, registerShip, registerDisarm, registerCheck]) register(program);
  try {
    await program.parseAsync();
    return exitCodes.done;
  } catch (error) {
    const { exitCode, message } = failureOf(error, process.env.PERFSCOPE_DEBUG !== undefined);
    if (message !== '') process.stderr.write(`${message}\n`);
    return exitCode;
  }
}

main().then((code) => {
  process.exitCode = code;
});

#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { register as registerCheck } from '../cli/commands/check.ts';
import { register as registerDisarm } from '../cli/commands/disarm.ts';
import { register as registerRecord } from '../cli/commands/record.ts';
import { register as registerShip } from '../cli/commands/ship.ts';
import { ShipperError } from './errors.ts';
import { SHIPPER_VERSION } from './version.ts';

/** The commands that a node needs, and nothing else: what the single file for nodes is made of. */

/** Exit codes of the whole program (docs/operations.md). */
const EXIT = { done: 0, badInput: 1, usage: 2, fault: 3 } as const;

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
    return EXIT.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (error instanceof ShipperError) {
      process.stderr.write(`perfscope: ${error.message}\n`);
      return EXIT.badInput;
    }
    process.stderr.write(
      `perfscope: a fault of its own: ${process.env.PERFSCOPE_DEBUG ? (error as Error).stack : (error as Error).message} (PERFSCOPE_DEBUG=1 shows where)\n`,
    );
    return EXIT.fault;
  }
}

main().then((code) => {
  process.exitCode = code;
});

#!/usr/bin/env node
import { failureOf } from './exit-code.ts';
import { createProgram } from './program.ts';

const debug = (process.env.PERFSCOPE_DEBUG ?? '') !== '';

// `perfscope … | head` closes our output early: that is no fault, and there is nobody left to tell.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    throw error;
  });
}

// There is no handler for Ctrl-C here: one could not run during long calculations, while the kernel ends the process
// at once. Commands that have something to clean up (demo, writeOutput) install their own.
try {
  await createProgram().parseAsync();
} catch (error) {
  const { exitCode, message } = failureOf(error, debug);
  if (message !== '') process.stderr.write(`${message}\n`);
  process.exitCode = exitCode;
}

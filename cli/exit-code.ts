import { CommanderError } from 'commander';
import { ShipperError, UsageError } from '../shipper/errors.ts';
import { SignatureError } from '../signatures/errors.ts';
import { TraceError } from '../trace/errors.ts';
import { InputError } from './input-error.ts';

/** What the command's exit code says, as `perfscope --help` lists it. */
export const exitCodes = {
  done: 0,
  badInput: 1,
  usage: 2,
  fault: 3,
} as const;

/** Errors whose message tells the user what was expected and what to do: no fault of this program. */
const badInput = [TraceError, SignatureError, ShipperError, InputError] as const;

export interface Failure {
  readonly exitCode: number;
  /** For standard error; empty where it has been said already. */
  readonly message: string;
}

/** Turns whatever a command threw into an exit code and what to say. */
export function failureOf(error: unknown, debug: boolean): Failure {
  if (error instanceof CommanderError) {
    // Commander has printed the help or the usage error itself.
    return { exitCode: error.exitCode === 0 ? exitCodes.done : exitCodes.usage, message: '' };
  }
  const stack = debug && error instanceof Error ? `\n${error.stack}` : '';
  if (badInput.some((type) => error instanceof type)) {
    const exitCode = error instanceof UsageError ? exitCodes.usage : exitCodes.badInput;
    return { exitCode, message: `perfscope: ${oneLine(messageOf(error))}${stack}` };
  }
  return {
    exitCode: exitCodes.fault,
    message:
      `perfscope: a fault of this program, not of your input: ${oneLine(messageOf(error))}\n` +
      (debug
        ? stack.trimStart()
        : 'Run it again with PERFSCOPE_DEBUG=1 for the details, and report them with the command that you gave.'),
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Messages may carry names of files and functions that somebody else chose. */
function oneLine(message: string): string {
  return message.replace(/\s*\n\s*/g, ' ').replace(/\p{Cc}/gu, '\u{fffd}');
}

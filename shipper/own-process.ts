import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

/** What the program is called: in the checkout, as the bundle, and where it is installed. */
const PROGRAM = /^perfscope(-node)?(\.[cm]?[jt]s)?$/;

/**
 * Whether a process is one of perfscope's: it would record itself where the service's command is `node` as well. By
 * its command line, which tells from the process's first moment.
 */
export function isPerfscope(pid: number): boolean {
  try {
    return isPerfscopeCommand(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0'));
  } catch {
    return false; // it ended
  }
}

/** `node /usr/local/bin/perfscope record …`, with options of node's own before the program, or none. */
export function isPerfscopeCommand(words: readonly string[]): boolean {
  const [runtime = '', ...rest] = words;
  if (!basename(runtime).startsWith('node')) return false;
  const program = rest.find((word) => !word.startsWith('-'));
  return program !== undefined && PROGRAM.test(basename(program));
}

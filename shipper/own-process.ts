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

/**
 * `node /usr/local/bin/perfscope record …`, with options of node's own before the program, or none.
 *
 * @param ownName what this process's program is called, wherever it was installed
 */
export function isPerfscopeCommand(
  words: readonly string[],
  ownName = basename(process.argv[1] ?? ''),
): boolean {
  const [runtime = '', ...rest] = words;
  if (!basename(runtime).startsWith('node')) return false;
  const program = rest.find((word) => !word.startsWith('-'));
  if (program === undefined) return false;
  const name = basename(program);
  return name === ownName || PROGRAM.test(name);
}

import { parseStraceLine, type StraceLine } from '../../trace/readers/strace-line.ts';
import { returnsAddress, takesDescriptorFirst } from '../../trace/syscalls/call-traits.ts';
import { keptDescriptor } from '../ring/privacy.ts';

/**
 * What of a line of strace may stay: thread, time, call, descriptor, result, errno and duration, and of clone
 * whether it made a thread. The rest, addresses and whatever else strace may print, is left out by writing the line
 * anew. Null for lines that say nothing about calls.
 */
export function scrubLine(line: string): string | null {
  const parsed = parseStraceLine(line);
  if (parsed === null || parsed.kind === 'attached' || parsed.kind === 'remark') return null;
  const lead = `${parsed.tid} ${parsed.seconds}.${String(parsed.fractionNs).padStart(9, '0').slice(0, 6)} `;
  switch (parsed.kind) {
    case 'signal':
      return null;
    case 'ended':
      return `${lead}+++ exited with 0 +++`;
    case 'call':
      return `${lead}${parsed.name}(${keptArgument(parsed.name, parsed.args)}${ending(parsed)}`;
    case 'resumed':
      return `${lead}<... ${parsed.name} resumed>${ending(parsed)}`;
  }
}

/** clone(2): CLONE_THREAD, include/uapi/linux/sched.h. */
const CLONE_THREAD = 0x0001_0000;

function keptArgument(name: string, args: string): string {
  const first = /^(?:flags=)?(0x[0-9a-f]+|-?\d+)/.exec(args)?.[1];
  if (first === undefined) return name === 'clone' && args.includes('CLONE_THREAD') ? 'CLONE_THREAD' : '';
  if (name === 'clone') return (Number(first) & CLONE_THREAD) !== 0 ? 'CLONE_THREAD' : '';
  return takesDescriptorFirst.has(name) ? String(keptDescriptor(Number(first))) : '';
}

function ending(line: StraceLine & { readonly kind: 'call' | 'resumed' }): string {
  const { returned } = line;
  if (returned === null) return ' <unfinished ...>';
  if (returned.value === '?') return ') = ?';
  const value = Number(returned.value);
  const isAddress = returnsAddress.has(line.name) && returned.errno === '';
  const kept = isAddress || Math.abs(value) > 0x7fff_ffff ? 1 : value;
  const errno = returned.errno === '' ? '' : ` ${returned.errno} ()`;
  const duration = returned.durationNs === null ? '' : ` <${(returned.durationNs / 1e9).toFixed(6)}>`;
  return `) = ${kept}${errno}${duration}`;
}

import type { Frame } from '../trace.ts';

/** What one line of a `perf script` call chain says: `\t 108f36 epoll_wait+0x56 (/usr/lib/libc.so.6)`. */
export type FrameLine =
  | { readonly kind: 'user'; readonly frame: Frame }
  /** Inlined into the next outer frame, which carries the object. */
  | { readonly kind: 'inlined'; readonly name: string }
  | { readonly kind: 'kernel' };

/** Objects in brackets that are not the kernel's: tools/perf/util/dso.c and util/map.c (anonymous maps). */
const USER_BRACKETS: ReadonlySet<string> = new Set([
  'vdso',
  'vdso32',
  'vsyscall',
  'heap',
  'stack',
  'unknown',
  'anon',
  'uprobes',
]);

const SYMBOL_OFFSET = /\+0x[0-9a-f]+$/;
const ADDRESS = /^[0-9a-f]+ /;
const DELETED = ' (deleted))';

/**
 * Source: sample__fprintf_callchain in tools/perf/util/evsel_fprintf.c. Names may hold spaces and parentheses
 * (C++, Java, JavaScript), so the object is what the last parentheses hold; a mapped file that is gone ends in
 * ` (deleted)` inside of them.
 */
export function parsePerfFrame(line: string): FrameLine {
  let rest = line.trim();
  const address = ADDRESS.exec(rest)?.[0].trim() ?? '';
  rest = rest.slice(address.length).trimStart();
  let object = '';
  if (rest.endsWith(')')) {
    const before = rest.endsWith(DELETED) ? rest.length - DELETED.length - 1 : rest.length;
    const open = rest.lastIndexOf(' (', before);
    if (open >= 0) {
      object = rest.slice(open + 2, -1);
      rest = rest.slice(0, open);
    } else if (rest.startsWith('(')) {
      object = rest.slice(1, -1);
      rest = '';
    }
  }
  const name = rest.replace(SYMBOL_OFFSET, '') || '[unknown]';
  if (object === 'inlined') return { kind: 'inlined', name };
  if (isKernel(object, address)) return { kind: 'kernel' };
  return { kind: 'user', frame: { name, object } };
}

/** The kernel image, a guest's kernel, or a module: brackets, and for modules an address in the upper half. */
function isKernel(object: string, address: string): boolean {
  if (address.length === 16 && address.startsWith('ffff')) return true;
  if (!object.startsWith('[')) return false;
  const name = object.slice(1, object.indexOf(']') < 0 ? undefined : object.indexOf(']'));
  if (name.startsWith('kernel') || name.startsWith('guest.kernel')) return true;
  return address === '' && !USER_BRACKETS.has(name.split(':')[0] ?? '');
}

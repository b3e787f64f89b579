import { NO_STACK, type StackTable } from '../trace.ts';
import { createKnownLines } from './known-lines.ts';
import { parsePerfFrame } from './perf-frame.ts';
import { createStackTrie } from './stack-trie.ts';
import { textOf } from './text-of.ts';

/**
 * Most bytes of different frame lines that are kept; a profile of a large C++ or Java server has some megabytes.
 * Frames beyond it count as unknown.
 */
const MAX_FRAME_BYTES = 256 * 1024 * 1024;

/** Most frames of one stack: kernel.perf_event_max_stack allows 640, DWARF unwinding no more than 1024. */
const MAX_DEPTH = 1024;

/** Values of a frame line's meaning that are no frame number: kernel, and from INLINED down inlined names. */
const KERNEL = -1;
const INLINED = -2;

const SPACE = 32;
const LOWER_F = 102;

/** Builds the stack trie from call chain lines, innermost first. */
export interface PerfStacks {
  /** One line of the current chain, `bytes[start, end)`. */
  frameLine(bytes: Uint8Array, start: number, end: number): void;
  /** Ends the current chain: its node, or NO_STACK where it has no user frame. */
  endChain(): number;
  table(): StackTable;
}

export function createPerfStacks(): PerfStacks {
  const trie = createStackTrie();
  const inlinedNames: string[] = [];
  const lines = createKnownLines(MAX_FRAME_BYTES, meaningOf, () => trie.frame('[unknown]', '[unknown]'));
  const chain = new Int32Array(MAX_DEPTH);
  let depth = 0;
  /** The chain before, and its node: servers call from the same place again and again. */
  const previousChain = new Int32Array(MAX_DEPTH);
  let previousDepth = 0;
  let previousNode = NO_STACK;

  function meaningOf(bytes: Uint8Array, start: number, end: number): number {
    const line = parsePerfFrame(textOf(bytes, start, end));
    if (line.kind === 'kernel') return KERNEL;
    if (line.kind === 'user') return trie.frame(line.frame.name, line.frame.object);
    inlinedNames.push(line.name);
    return INLINED - (inlinedNames.length - 1);
  }

  const isPrevious = (): boolean => {
    if (depth !== previousDepth) return false;
    for (let level = 0; level < depth; level++) if (chain[level] !== previousChain[level]) return false;
    return true;
  };

  const nodeOfChain = (): number => {
    let node = NO_STACK;
    let object = '[unknown]';
    for (let level = depth - 1; level >= 0; level--) {
      let frame = chain[level]!;
      if (frame <= INLINED) frame = trie.frame(inlinedNames[INLINED - frame]!, object);
      else object = trie.frames[frame]!.object;
      node = trie.child(node, frame);
    }
    return node;
  };

  return {
    frameLine(bytes, start, end) {
      if (depth === MAX_DEPTH || isKernelAddress(bytes, start, end)) return;
      const meaning = lines.meaning(bytes, start, end);
      if (meaning !== KERNEL) chain[depth++] = meaning;
    },
    endChain() {
      if (depth === 0) return NO_STACK;
      if (!isPrevious()) {
        previousChain.set(chain.subarray(0, depth));
        previousDepth = depth;
        previousNode = nodeOfChain();
      }
      depth = 0;
      return previousNode;
    },
    table: trie.table,
  };
}

/** `\tffffffff…` with 16 digits: the top of the address space, where only the kernel and its modules live. */
function isKernelAddress(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 18 || bytes[start + 17] !== SPACE) return false;
  for (let at = start + 1; at < start + 9; at++) if (bytes[at] !== LOWER_F) return false;
  return true;
}

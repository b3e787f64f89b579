import { Buffer } from 'node:buffer';
import { type Frame, NO_STACK, type StackTable } from '../trace.ts';
import { parsePerfFrame } from './perf-frame.ts';

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

const EMPTY_SLOT = 0;

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

/**
 * A profile repeats some thousand different lines millions of times, so a line is parsed once and then found by
 * its bytes (open addressing, compared in full: two lines are never mixed up).
 */
export function createPerfStacks(): PerfStacks {
  const frames: Frame[] = [];
  const frameNumbers = new Map<string, number>();
  const inlinedNames: string[] = [];

  let arena = new Uint8Array(64 * 1024);
  let arenaView = new DataView(arena.buffer);
  let arenaUsed = 0;
  /** A view on the bytes that lines come from, renewed when they change. */
  let viewed: Uint8Array = new Uint8Array();
  let view = new DataView<ArrayBufferLike>(viewed.buffer);
  let lineSlots = new Int32Array(4096);
  /** Per known line: hash, place in the arena, and meaning. */
  const lineHash: number[] = [];
  const lineOffset: number[] = [];
  const lineLength: number[] = [];
  const lineMeaning: number[] = [];

  let nodeSlots = new Int32Array(4096);
  let parents = new Int32Array(2048);
  let nodeFrames = new Int32Array(2048);
  let nodes = 0;

  const chain = new Int32Array(MAX_DEPTH);
  let depth = 0;
  /** The chain before, and its node: servers call from the same place again and again. */
  const previousChain = new Int32Array(MAX_DEPTH);
  let previousDepth = 0;
  let previousNode = NO_STACK;

  const internFrame = (name: string, object: string): number => {
    const key = `${object}\n${name}`;
    const known = frameNumbers.get(key);
    if (known !== undefined) return known;
    frames.push({ name, object });
    frameNumbers.set(key, frames.length - 1);
    return frames.length - 1;
  };

  const meaningOf = (bytes: Uint8Array, start: number, end: number): number => {
    const line = parsePerfFrame(
      Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8'),
    );
    if (line.kind === 'kernel') return KERNEL;
    if (line.kind === 'user') return internFrame(line.frame.name, line.frame.object);
    inlinedNames.push(line.name);
    return INLINED - (inlinedNames.length - 1);
  };

  const addLine = (bytes: Uint8Array, start: number, end: number, hash: number): number => {
    const length = end - start;
    if (arenaUsed + length > MAX_FRAME_BYTES) return internFrame('[unknown]', '[unknown]');
    if (arenaUsed + length > arena.length) {
      const larger = new Uint8Array(Math.max(2 * arena.length, arenaUsed + length));
      larger.set(arena.subarray(0, arenaUsed));
      arena = larger;
      arenaView = new DataView(larger.buffer);
    }
    arena.set(bytes.subarray(start, end), arenaUsed);
    lineHash.push(hash);
    lineOffset.push(arenaUsed);
    lineLength.push(length);
    const meaning = meaningOf(bytes, start, end);
    lineMeaning.push(meaning);
    arenaUsed += length;
    if (2 * lineHash.length > lineSlots.length) {
      lineSlots = new Int32Array(2 * lineSlots.length);
      lineHash.forEach((known, line) => {
        place(lineSlots, known, line + 1);
      });
    } else {
      place(lineSlots, hash, lineHash.length);
    }
    return meaning;
  };

  const lookUpLine = (bytes: Uint8Array, start: number, end: number): number => {
    if (bytes !== viewed) {
      view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      viewed = bytes;
    }
    // Four bytes a step: the multiply-and-rotate mix of MurmurHash3 (Appleby, public domain), without its ending.
    let hash = end - start;
    let at = start;
    for (; at + 4 <= end; at += 4) {
      const word = Math.imul(view.getInt32(at), 0xcc9e2d51);
      hash = (Math.imul(hash ^ ((word << 15) | (word >>> 17)), 5) + 0xe6546b64) | 0;
    }
    for (; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
    const mask = lineSlots.length - 1;
    for (let slot = spread(hash) & mask; ; slot = (slot + 1) & mask) {
      const line = lineSlots[slot]! - 1;
      if (line < 0) return addLine(bytes, start, end, hash);
      if (lineHash[line] === hash && lineLength[line] === end - start && sameLine(line, start, end)) {
        return lineMeaning[line]!;
      }
    }
  };

  /** Whether `view[start, end)` is the known line, byte for byte. */
  const sameLine = (line: number, start: number, end: number): boolean => {
    const offset = lineOffset[line]! - start;
    let at = start;
    for (; at + 4 <= end; at += 4) if (arenaView.getInt32(offset + at) !== view.getInt32(at)) return false;
    for (; at < end; at++) if (arenaView.getUint8(offset + at) !== view.getUint8(at)) return false;
    return true;
  };

  const growNodes = (): void => {
    const largerParents = new Int32Array(2 * parents.length);
    largerParents.set(parents);
    parents = largerParents;
    const largerFrames = new Int32Array(2 * nodeFrames.length);
    largerFrames.set(nodeFrames);
    nodeFrames = largerFrames;
    nodeSlots = new Int32Array(2 * nodeSlots.length);
    for (let node = 0; node < nodes; node++) {
      place(nodeSlots, nodeHash(parents[node]!, nodeFrames[node]!), node + 1);
    }
  };

  const child = (parent: number, frame: number): number => {
    const hash = nodeHash(parent, frame);
    const mask = nodeSlots.length - 1;
    for (let slot = spread(hash) & mask; ; slot = (slot + 1) & mask) {
      const node = nodeSlots[slot]! - 1;
      if (node < 0) break;
      if (parents[node] === parent && nodeFrames[node] === frame) return node;
    }
    if (nodes === parents.length) growNodes();
    parents[nodes] = parent;
    nodeFrames[nodes] = frame;
    nodes++;
    place(nodeSlots, hash, nodes);
    return nodes - 1;
  };

  const sameAsPrevious = (): boolean => {
    if (depth !== previousDepth) return false;
    for (let level = 0; level < depth; level++) if (chain[level] !== previousChain[level]) return false;
    return true;
  };

  return {
    frameLine(bytes, start, end) {
      if (depth === MAX_DEPTH || isKernelAddress(bytes, start, end)) return;
      const meaning = lookUpLine(bytes, start, end);
      if (meaning !== KERNEL) chain[depth++] = meaning;
    },
    endChain() {
      if (depth === 0) return NO_STACK;
      if (sameAsPrevious()) {
        depth = 0;
        return previousNode;
      }
      previousChain.set(chain.subarray(0, depth));
      previousDepth = depth;
      let node = NO_STACK;
      let object = '[unknown]';
      for (let level = depth - 1; level >= 0; level--) {
        let frame = chain[level]!;
        if (frame <= INLINED) frame = internFrame(inlinedNames[INLINED - frame]!, object);
        else object = frames[frame]!.object;
        node = child(node, frame);
      }
      previousNode = node;
      depth = 0;
      return node;
    },
    table: () => ({ parent: parents.slice(0, nodes), frame: nodeFrames.slice(0, nodes), frames }),
  };
}

/** `\tffffffff…` with 16 digits: the top of the address space, where only the kernel and its modules live. */
function isKernelAddress(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 18 || bytes[start + 17] !== SPACE) return false;
  for (let at = start + 1; at < start + 9; at++) if (bytes[at] !== LOWER_F) return false;
  return true;
}

function place(slots: Int32Array, hash: number, value: number): void {
  const mask = slots.length - 1;
  let slot = spread(hash) & mask;
  while (slots[slot] !== EMPTY_SLOT) slot = (slot + 1) & mask;
  slots[slot] = value;
}

/** Brings a hash's high bits into the low ones that pick the slot. */
function spread(hash: number): number {
  return hash ^ (hash >>> 15);
}

function nodeHash(parent: number, frame: number): number {
  return Math.imul(parent + 1, 0x9e3779b1) ^ Math.imul(frame + 1, 0x85ebca6b);
}

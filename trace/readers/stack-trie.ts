import type { Frame, StackTable } from '../trace.ts';
import { place, spread } from './hash-slots.ts';

/** Stacks as they are found in a profile, each once: the table that a trace holds, while it grows. */
export interface StackTrie {
  /** Number of a frame's function, given out at its first call. */
  frame(name: string, object: string): number;
  readonly frames: readonly Frame[];
  /** The stack of `frame` called from the stack `parent`. */
  child(parent: number, frame: number): number;
  table(): StackTable;
}

export function createStackTrie(): StackTrie {
  const frames: Frame[] = [];
  const frameNumbers = new Map<string, number>();
  let slots = new Int32Array(4096);
  let parents = new Int32Array(2048);
  let nodeFrames = new Int32Array(2048);
  let nodes = 0;

  const grow = (): void => {
    const largerParents = new Int32Array(2 * parents.length);
    largerParents.set(parents);
    parents = largerParents;
    const largerFrames = new Int32Array(2 * nodeFrames.length);
    largerFrames.set(nodeFrames);
    nodeFrames = largerFrames;
    slots = new Int32Array(2 * slots.length);
    for (let node = 0; node < nodes; node++) {
      place(slots, nodeHash(parents[node]!, nodeFrames[node]!), node + 1);
    }
  };

  return {
    frames,
    frame(name, object) {
      const key = `${object}\n${name}`;
      const known = frameNumbers.get(key);
      if (known !== undefined) return known;
      frames.push({ name, object });
      frameNumbers.set(key, frames.length - 1);
      return frames.length - 1;
    },
    child(parent, frame) {
      const hash = nodeHash(parent, frame);
      const mask = slots.length - 1;
      for (let slot = spread(hash) & mask; ; slot = (slot + 1) & mask) {
        const node = slots[slot]! - 1;
        if (node < 0) break;
        if (parents[node] === parent && nodeFrames[node] === frame) return node;
      }
      if (nodes === parents.length) grow();
      parents[nodes] = parent;
      nodeFrames[nodes] = frame;
      nodes++;
      place(slots, hash, nodes);
      return nodes - 1;
    },
    table: () => ({ parent: parents.slice(0, nodes), frame: nodeFrames.slice(0, nodes), frames }),
  };
}

function nodeHash(parent: number, frame: number): number {
  return Math.imul(parent + 1, 0x9e3779b1) ^ Math.imul(frame + 1, 0x85ebca6b);
}

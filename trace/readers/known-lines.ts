import { place, spread } from './hash-slots.ts';

/**
 * Lines of text by their bytes: a profile repeats some thousand different lines millions of times, so that a line is
 * parsed once and then found (open addressing, compared in full: two lines are never mixed up).
 */
export interface KnownLines {
  /** What `meaningOf` once said of the line `bytes[start, end)`. */
  meaning(bytes: Uint8Array, start: number, end: number): number;
}

/**
 * @param mostBytes of different lines that are kept
 * @param meaningOf parses a line that is not known
 * @param beyond what all lines mean for which there is no more room
 */
export function createKnownLines(
  mostBytes: number,
  meaningOf: (bytes: Uint8Array, start: number, end: number) => number,
  beyond: () => number,
): KnownLines {
  let arena = new Uint8Array(64 * 1024);
  let arenaView = new DataView(arena.buffer);
  let arenaUsed = 0;
  /** A view on the bytes that lines come from, renewed when they change. */
  let viewed: Uint8Array = new Uint8Array();
  let view = new DataView<ArrayBufferLike>(viewed.buffer);
  let slots = new Int32Array(4096);
  /** Per known line: hash, place in the arena, and meaning. */
  const hashes: number[] = [];
  const offsets: number[] = [];
  const lengths: number[] = [];
  const meanings: number[] = [];

  const add = (bytes: Uint8Array, start: number, end: number, hash: number): number => {
    const length = end - start;
    if (arenaUsed + length > mostBytes) return beyond();
    if (arenaUsed + length > arena.length) {
      const larger = new Uint8Array(Math.max(2 * arena.length, arenaUsed + length));
      larger.set(arena.subarray(0, arenaUsed));
      arena = larger;
      arenaView = new DataView(larger.buffer);
    }
    arena.set(bytes.subarray(start, end), arenaUsed);
    hashes.push(hash);
    offsets.push(arenaUsed);
    lengths.push(length);
    const meaning = meaningOf(bytes, start, end);
    meanings.push(meaning);
    arenaUsed += length;
    if (2 * hashes.length > slots.length) {
      slots = new Int32Array(2 * slots.length);
      hashes.forEach((known, line) => {
        place(slots, known, line + 1);
      });
    } else {
      place(slots, hash, hashes.length);
    }
    return meaning;
  };

  /** Whether `view[start, end)` is the known line, byte for byte. */
  const isSame = (line: number, start: number, end: number): boolean => {
    const offset = offsets[line]! - start;
    let at = start;
    for (; at + 4 <= end; at += 4) if (arenaView.getInt32(offset + at) !== view.getInt32(at)) return false;
    for (; at < end; at++) if (arenaView.getUint8(offset + at) !== view.getUint8(at)) return false;
    return true;
  };

  return {
    meaning(bytes, start, end) {
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
      const mask = slots.length - 1;
      for (let slot = spread(hash) & mask; ; slot = (slot + 1) & mask) {
        const line = slots[slot]! - 1;
        if (line < 0) return add(bytes, start, end, hash);
        if (hashes[line] === hash && lengths[line] === end - start && isSame(line, start, end)) {
          return meanings[line]!;
        }
      }
    },
  };
}

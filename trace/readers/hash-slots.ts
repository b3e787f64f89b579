/** Open addressing: `slots` holds numbers from 1 up, as many as a power of two, at least half of them empty. */

const EMPTY_SLOT = 0;

/** Puts a number at the first empty slot from its hash's on. */
export function place(slots: Int32Array, hash: number, value: number): void {
  const mask = slots.length - 1;
  let slot = spread(hash) & mask;
  while (slots[slot] !== EMPTY_SLOT) slot = (slot + 1) & mask;
  slots[slot] = value;
}

/** Brings a hash's high bits into the low ones that pick the slot. */
export function spread(hash: number): number {
  return hash ^ (hash >>> 15);
}

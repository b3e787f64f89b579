/**
 * Reads fixed-size pieces off a stream of chunks, in order, without ever holding more than a piece and a chunk.
 */

/** The stream ended inside the piece that was asked for. */
export class EndOfInput extends Error {
  override readonly name = 'EndOfInput';
}

export class ByteCursor {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;
  #consumedChunks = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Offset from the stream's start. */
  get position(): number {
    return this.#consumedChunks + this.#at;
  }

  /** Copies the next `length` bytes into `target`; returns how many there were before the stream ended. */
  async fill(target: Uint8Array, length: number): Promise<number> {
    let filled = 0;
    while (filled < length) {
      if (this.#at === this.#chunk.length && !(await this.#advance())) break;
      const take = Math.min(length - filled, this.#chunk.length - this.#at);
      target.set(this.#chunk.subarray(this.#at, this.#at + take), filled);
      this.#at += take;
      filled += take;
    }
    return filled;
  }

  /**
   * What is at hand of the next `length` bytes, in whole units and aligned to 32-bit words, without copying; empty
   * where there is less than a unit. Valid until the next read.
   */
  wholeUnits(unitBytes: number, length: number): Uint8Array {
    const available = Math.min(length, this.#chunk.length - this.#at);
    const isAligned = (this.#chunk.byteOffset + this.#at) % 4 === 0;
    const taken = isAligned ? available - (available % unitBytes) : 0;
    this.#at += taken;
    return this.#chunk.subarray(this.#at - taken, this.#at);
  }

  async bytes(length: number): Promise<Uint8Array> {
    // Grown as bytes arrive: a forged length must not allocate what the input does not hold.
    let target = new Uint8Array(Math.min(length, 65_536));
    let filled = 0;
    while (filled < length) {
      if (filled === target.length) {
        const larger = new Uint8Array(Math.min(length, target.length * 2));
        larger.set(target);
        target = larger;
      }
      const got = await this.fill(target.subarray(filled), target.length - filled);
      filled += got;
      if (filled < target.length) throw new EndOfInput(`the file ends at byte ${this.position}`);
    }
    return target;
  }

  async u16(): Promise<number> {
    const b = await this.bytes(2);
    return new DataView(b.buffer).getUint16(0, true);
  }

  async u32(): Promise<number> {
    const b = await this.bytes(4);
    return new DataView(b.buffer).getUint32(0, true);
  }

  async u64(): Promise<number> {
    const b = await this.bytes(8);
    return Number(new DataView(b.buffer).getBigUint64(0, true));
  }

  /** A null-terminated string of at most `limit` bytes. */
  async cString(limit: number): Promise<string> {
    let text = '';
    for (let n = 0; n <= limit; n++) {
      const byte = (await this.bytes(1))[0]!;
      if (byte === 0) return text;
      text += String.fromCharCode(byte);
    }
    throw new EndOfInput(`no end of a string within ${limit} bytes at byte ${this.position}`);
  }

  /** Moves forward to `offset`; false where the stream ends before it. */
  async skipTo(offset: number): Promise<boolean> {
    while (this.position < offset) {
      if (this.#at === this.#chunk.length && !(await this.#advance())) return false;
      this.#at += Math.min(offset - this.position, this.#chunk.length - this.#at);
    }
    return true;
  }

  /** Lets go of the stream, which may have more. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #advance(): Promise<boolean> {
    for (;;) {
      const next = await this.#chunks.next();
      if (next.done) return false;
      this.#consumedChunks += this.#chunk.length;
      this.#chunk = next.value;
      this.#at = 0;
      if (this.#chunk.length > 0) return true;
    }
  }
}

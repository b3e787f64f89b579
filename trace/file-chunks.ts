import { open } from 'node:fs/promises';

const CHUNK_BYTES = 1024 * 1024;

/** Chunks that are alive at a time. */
const CHUNKS = 4;

/**
 * The bytes of a file, in chunks that are used again: one is valid until three more have been asked for. Fresh
 * buffers for all of a file make V8 collect garbage again and again, for memory that lies outside of its heap; for a
 * trace.dat that took as long as decoding it.
 */
export async function* fileChunks(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path);
  try {
    const buffers: Buffer[] = [];
    for (let turn = 0; ; turn = (turn + 1) % CHUNKS) {
      const buffer = buffers[turn] ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
      buffers[turn] = buffer;
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

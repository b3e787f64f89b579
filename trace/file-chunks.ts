import { readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';

const CHUNK_BYTES = 1024 * 1024;

/** Chunks that are alive at a time. */
const CHUNKS = 4;

/** After so many chunks of a file, signals and timers get their turn. */
const CHUNKS_A_TURN = 16;

/**
 * The bytes of a file, in chunks that are used again: one is valid until three more have been asked for. Fresh
 * buffers for all of a file make V8 collect garbage again and again, for memory that lies outside of its heap; for a
 * trace.dat that took as long as decoding it.
 *
 * A regular file is read on this thread: handing each chunk to libuv's pool and back costs as much as the reading
 * itself. What may keep a reader waiting (a pipe) is left to the pool.
 */
export async function* fileChunks(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path);
  try {
    const readChunk = (await file.stat()).isFile() ? readHere : readInPool;
    const buffers: Buffer[] = [];
    for (let turn = 0; ; turn++) {
      const buffer = buffers[turn % CHUNKS] ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
      buffers[turn % CHUNKS] = buffer;
      if (turn % CHUNKS_A_TURN === CHUNKS_A_TURN - 1) await setImmediate();
      const bytesRead = await readChunk(file, buffer);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

function readHere(file: FileHandle, buffer: Buffer): number {
  return readSync(file.fd, buffer);
}

async function readInPool(file: FileHandle, buffer: Buffer): Promise<number> {
  const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
  return bytesRead;
}

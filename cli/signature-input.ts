import { createReadStream } from 'node:fs';
import { SignatureError } from '../signatures/errors.ts';
import { MAX_SIGNATURE_BYTES, parseSignatureSet, type SignatureSet } from '../signatures/signature-set.ts';
import { compressionOf, decompress } from '../trace/decompress.ts';

const EXPECTED = 'expected a signature set: perfscope mine PROFILE… --service NAME -o signatures.json';

/** Reads a signature set from a file: plain, gzip or zstd, told apart by content. */
export async function readSignatureFile(path: string): Promise<SignatureSet> {
  let bytes: Buffer;
  try {
    bytes = await readAll(path, createReadStream(path));
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error;
    const reason = error.code === 'ENOENT' ? 'no such file' : `cannot be read (${String(error.code)})`;
    throw new SignatureError(`${path}: ${reason}; ${EXPECTED}`, { cause: error });
  }
  const compression = compressionOf(bytes);
  if (compression === null) return parseSignatureSet(bytes.toString('utf8'), path);
  const plain = decompress(only(bytes), compression);
  const text = await readAll(path, plain.chunks);
  if (plain.damage() !== null) {
    throw new SignatureError(
      `${path}: the ${compression} data is cut or damaged; copy the file again; ${EXPECTED}`,
    );
  }
  return parseSignatureSet(text.toString('utf8'), path);
}

async function readAll(path: string, chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > MAX_SIGNATURE_BYTES) {
      throw new SignatureError(`${path}: more than ${MAX_SIGNATURE_BYTES} bytes; ${EXPECTED}`);
    }
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

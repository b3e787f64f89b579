import { createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from 'node:zlib';
import { TraceError } from './errors.ts';

/**
 * Caps against decompression bombs. Text of traces shrinks 10 to 60 times, the mostly empty pages of a quiet
 * trace.dat some hundred times; gzip cannot do more than 1,032 (zlib's technical details), zstd can do far more.
 */
const MAX_PLAIN_BYTES = 8 * 1024 ** 3;
const MAX_EXPANSION = 800;

/** Inputs that expand to less than this are taken whatever their ratio: they cannot hurt. */
const FREE_PLAIN_BYTES = 64 * 1024 ** 2;

export interface ExpansionLimits {
  readonly maxPlainBytes: number;
  readonly maxExpansion: number;
  readonly freePlainBytes: number;
}

const expansionLimits: ExpansionLimits = {
  maxPlainBytes: MAX_PLAIN_BYTES,
  maxExpansion: MAX_EXPANSION,
  freePlainBytes: FREE_PLAIN_BYTES,
};

export type Compression = 'gzip' | 'zstd';

/** Plain bytes, and what was wrong with the compressed ones: known when `chunks` has ended. */
export interface PlainBytes {
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly damage: () => Damage | null;
}

export interface Damage {
  readonly kind: 'cut' | 'damaged';
  /** Plain bytes that could be read before it. */
  readonly plainBytes: number;
}

/**
 * Tells a compression by the first bytes: RFC 1952 section 2.3.1; RFC 8878 sections 3.1.1 and 3.1.2 (pzstd starts
 * its files with a skippable frame).
 */
export function compressionOf(head: Uint8Array): Compression | null {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  if (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd) return 'zstd';
  if ((head[0] ?? 0) >> 4 === 5 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18) return 'zstd';
  return null;
}

/** Of a quarter of it, reading a trace.dat took half as long again: for the chunks that V8 had to collect. */
const OUTPUT_CHUNK_BYTES = 1024 * 1024;
/** Input is fed in small pieces, so that no piece can expand to much before the caps are checked. */
const INPUT_PIECE_BYTES = 64 * 1024;

/**
 * Streams through zlib with back pressure: at most one output chunk is held. A cut or damaged input ends early
 * and says so; what could be read before it is given. Throws a TraceError when a cap is reached.
 */
export function decompress(
  chunks: AsyncIterable<Uint8Array>,
  compression: Compression,
  limits: ExpansionLimits = expansionLimits,
): PlainBytes {
  let damage: Damage | null = null;
  return { chunks: generate(), damage: () => damage };

  async function* generate(): AsyncGenerator<Uint8Array> {
    let compressedBytes = 0;
    let plainBytes = 0;
    const inflater = createInflater(compression);
    const checked = (plain: Uint8Array): Uint8Array => {
      plainBytes += plain.length;
      const allowed = Math.min(
        limits.maxPlainBytes,
        Math.max(limits.freePlainBytes, compressedBytes * limits.maxExpansion),
      );
      if (plainBytes > allowed) {
        throw new TraceError(
          `${compression} data that expands to more than ${allowed} bytes (${limits.maxExpansion} times its size):` +
            ' expected a trace; decompress it yourself if you trust it',
        );
      }
      return plain;
    };
    try {
      for await (const chunk of chunks) {
        for (let from = 0; from < chunk.length; from += INPUT_PIECE_BYTES) {
          const piece = chunk.subarray(from, from + INPUT_PIECE_BYTES);
          compressedBytes += piece.length;
          for await (const plain of inflater.feed(piece)) yield checked(plain);
        }
      }
      for await (const plain of inflater.finish()) yield checked(plain);
    } catch (error) {
      if (!isZlibError(error)) throw error;
      damage = { kind: error.code === 'Z_BUF_ERROR' ? 'cut' : 'damaged', plainBytes };
    } finally {
      inflater.close();
    }
  }
}

interface Inflater {
  feed(piece: Uint8Array): AsyncGenerator<Uint8Array>;
  finish(): AsyncGenerator<Uint8Array>;
  close(): void;
}

type ZlibStream = Gunzip | ZstdDecompress;

/**
 * Reads zlib streams by hand: their async iterator would drop what it holds when an error comes, and the last
 * lines of a cut file are the ones nearest to the incident. Node's zstd stream ends with its first frame, but
 * `cat a.zst b.zst` and pzstd make files of many: each gets a stream of its own.
 */
function createInflater(compression: Compression): Inflater {
  let stream: ZlibStream | null = null;
  let failure: Error | null = null;
  let ended = false;
  let wake: () => void = () => {};

  const open = (): ZlibStream => {
    const opened =
      compression === 'gzip'
        ? createGunzip({ chunkSize: OUTPUT_CHUNK_BYTES })
        : createZstdDecompress({ chunkSize: OUTPUT_CHUNK_BYTES });
    ended = false;
    opened.on('readable', () => wake());
    opened.on('error', (error) => {
      failure = error;
      wake();
    });
    opened.on('end', () => {
      ended = true;
      wake();
    });
    return opened;
  };

  async function* drain(from: ZlibStream, isDone: () => boolean): AsyncGenerator<Uint8Array> {
    for (;;) {
      const waiting = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const plain: Uint8Array | null = from.read();
      if (plain !== null) yield plain;
      else if (failure !== null) throw failure;
      else if (ended || isDone()) return;
      else await waiting;
    }
  }

  return {
    async *feed(piece) {
      let rest = piece;
      while (rest.length > 0) {
        stream ??= open();
        const before = stream.bytesWritten;
        let written = false;
        stream.write(rest, () => {
          written = true;
          wake();
        });
        yield* drain(stream, () => written);
        // The end of a frame is told one turn of the event loop after its last byte was read.
        await new Promise((resolve) => setImmediate(resolve));
        const taken = stream.bytesWritten - before;
        rest = ended ? rest.subarray(taken) : rest.subarray(rest.length);
        if (ended) stream = null;
      }
    },
    async *finish() {
      if (stream === null) return;
      stream.end();
      yield* drain(stream, () => false);
    },
    close: () => stream?.destroy(),
  };
}

function isZlibError(error: unknown): error is Error & { code: string } {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    /^(Z_|ZSTD_)/.test(error.code)
  );
}

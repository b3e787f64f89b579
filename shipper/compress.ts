import type { Transform } from 'node:stream';
import zlib from 'node:zlib';

/** zstd where this Node has it (22.15 and later), gzip otherwise; level 1 of either: the node has better to do. */
export interface Compression {
  readonly extension: 'zst' | 'gz';
  readonly contentType: string;
  readonly stream: () => Transform;
}

export function compression(): Compression {
  // One frame a file: Node's own zstd decoder stops at the end of the first one.
  if (typeof zlib.createZstdCompress === 'function') {
    const params = { [zlib.constants.ZSTD_c_compressionLevel]: 1 };
    return {
      extension: 'zst',
      contentType: 'application/zstd',
      stream: () => zlib.createZstdCompress({ params }),
    };
  }
  return {
    extension: 'gz',
    contentType: 'application/gzip',
    stream: () => zlib.createGzip({ level: 1 }),
  };
}

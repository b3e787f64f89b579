import { randomBytes } from 'node:crypto';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { compressionOf, type Damage, decompress, type ExpansionLimits } from '../../trace/decompress.ts';
import { TraceError } from '../../trace/errors.ts';

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

async function expand(
  packed: Uint8Array,
  limits?: ExpansionLimits,
  size = 1000,
): Promise<{ plain: Buffer; damage: Damage | null }> {
  const compression = compressionOf(packed);
  if (compression === null) throw new Error('not compressed');
  const out: Uint8Array[] = [];
  const source = decompress(pieces(packed, size), compression, limits);
  for await (const chunk of source.chunks) out.push(chunk);
  return { plain: Buffer.concat(out), damage: source.damage() };
}

const sample = Buffer.from(randomBytes(600_000).toString('hex'));

describe.each([
  ['gzip', (bytes: Uint8Array) => gzipSync(bytes)],
  ['zstd', (bytes: Uint8Array) => zstdCompressSync(bytes)],
] as const)('decompress of %s', (_, pack) => {
  it.each([1000, 65_536, 5_000_000])(
    'gives back what was packed, in input chunks of %i bytes',
    async (size) => {
      const { plain, damage } = await expand(pack(sample), undefined, size);
      expect(damage).toBeNull();
      expect(plain.equals(sample)).toBe(true);
    },
  );

  it('reads all members or frames of files that were put together', async () => {
    const packed = Buffer.concat([
      pack(sample),
      pack(Buffer.alloc(0)),
      pack(Buffer.from('second')),
      pack(sample),
    ]);
    for (const size of [77, 1_000_000]) {
      const { plain, damage } = await expand(packed, undefined, size);
      expect(damage).toBeNull();
      expect(plain.equals(Buffer.concat([sample, Buffer.from('second'), sample]))).toBe(true);
    }
    const tiny = Buffer.concat([pack(Buffer.from('one')), pack(Buffer.from('two'))]);
    expect((await expand(tiny, undefined, 1)).plain.toString()).toBe('onetwo');
  });

  it('gives the part before a cut, nearly to the cut, and tells of it', async () => {
    const packed = pack(sample);
    const { plain, damage } = await expand(packed.subarray(0, packed.length * 0.75));
    expect(damage).toEqual({ kind: 'cut', plainBytes: plain.length });
    expect(plain.equals(sample.subarray(0, plain.length))).toBe(true);
    expect(plain.length).toBeGreaterThan(sample.length / 2);
  });

  it('takes what reaches the cap and refuses one byte more', async () => {
    const limits = { maxPlainBytes: 10_000, maxExpansion: 1e9, freePlainBytes: 0 };
    expect((await expand(pack(sample.subarray(0, 10_000)), limits)).plain.length).toBe(10_000);
    await expect(expand(pack(sample.subarray(0, 10_001)), limits)).rejects.toThrow(TraceError);
  });

  it('refuses what expands beyond the ratio once it is larger than the free part', async () => {
    const zeros = pack(Buffer.alloc(1_000_000));
    const limits = { maxPlainBytes: 1e9, maxExpansion: 50, freePlainBytes: 1_000_000 };
    expect((await expand(zeros, limits)).plain.length).toBe(1_000_000);
    await expect(expand(zeros, { ...limits, freePlainBytes: 999_999 })).rejects.toThrow(
      /more than 999999 bytes/,
    );
  });
});

describe('decompress', () => {
  it('tells damage inside of a gzip file from a cut', async () => {
    const packed = gzipSync(sample);
    packed.fill(0xff, packed.length >> 1, (packed.length >> 1) + 50);
    expect((await expand(packed)).damage?.kind).toBe('damaged');
  });

  it('passes over the skippable frames that pzstd puts before its frames', async () => {
    const skippable = Buffer.from('502a4d1804000000aabbccdd', 'hex');
    const packed = Buffer.concat([skippable, zstdCompressSync(Buffer.from('one'))]);
    for (const size of [1, 5, 100])
      expect((await expand(packed, undefined, size)).plain.toString()).toBe('one');
  });
});

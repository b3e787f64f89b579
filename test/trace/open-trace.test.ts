import { readFileSync } from 'node:fs';
import { gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TraceError } from '../../trace/errors.ts';
import { readTrace } from '../../trace/open-trace.ts';
import { OPEN, type ReadOptions, type Trace } from '../../trace/trace.ts';

const fixtures = [
  'nginx.perf-script',
  'redis-stacks.perf-script',
  'lighttpd-cgi.strace',
  'jetty.strace',
] as const;

function plain(fixture: string): Buffer {
  return gunzipSync(readFileSync(new URL(`../fixtures/trace/${fixture}.gz`, import.meta.url)));
}

async function* pieces(bytes: Uint8Array, size = 65_536): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

function read(bytes: Uint8Array | string, options: ReadOptions = {}, size?: number): Promise<Trace> {
  return readTrace(pieces(typeof bytes === 'string' ? Buffer.from(bytes) : bytes, size), options);
}

describe('readTrace', () => {
  it.each(fixtures)('gives the same trace of %s however the input is cut into chunks', async (fixture) => {
    const bytes = plain(fixture);
    const whole = await read(bytes, { stacks: true }, bytes.length);
    expect(whole.length).toBeGreaterThan(50);
    expect(await read(bytes, { stacks: true }, 100)).toEqual(whole);
    expect(await read(bytes.subarray(0, 5000), { stacks: true }, 1)).toEqual(
      await read(bytes.subarray(0, 5000), { stacks: true }),
    );
  });

  it.each(fixtures)('gives the same trace of %s plain, gzip and zstd', async (fixture) => {
    const bytes = plain(fixture);
    const whole = await read(bytes);
    expect(await read(gzipSync(bytes))).toEqual(whole);
    expect(await read(zstdCompressSync(bytes))).toEqual(whole);
  });

  it.each(fixtures)('sorts the calls of %s by enter time within the window', async (fixture) => {
    const trace = await read(plain(fixture));
    expect(trace.enterNs[0]).toBeGreaterThanOrEqual(0);
    for (let row = 1; row < trace.length; row++) {
      expect(trace.enterNs[row]).toBeGreaterThanOrEqual(trace.enterNs[row - 1] ?? 0);
    }
    expect(trace.enterNs[trace.length - 1]).toBeLessThanOrEqual(trace.window.endNs);
  });

  it('keeps the usable part of a gzip file that was cut, and says so', async () => {
    const bytes = plain('nginx.perf-script');
    const packed = gzipSync(bytes);
    const trace = await read(packed.subarray(0, packed.length >> 1));
    const whole = await read(bytes);
    expect(trace.length).toBeGreaterThan(whole.length / 4);
    expect(trace.length).toBeLessThan(whole.length);
    expect(trace.skips).toContainEqual(
      expect.objectContaining({
        severity: 'loss',
        reason: expect.stringContaining('early end of the gzip data'),
        remedy: expect.stringContaining('Copy the file again'),
      }),
    );
  });

  it('refuses a cut gzip file without a single call in it', async () => {
    const packed = gzipSync(plain('nginx.perf-script'));
    await expect(read(packed.subarray(0, 12), { name: 'cut.gz' })).rejects.toThrow(
      /^cut\.gz: gzip data that ends early, with no complete system call before that.*perf script -F/,
    );
  });

  it.each([
    ['an empty file', '', /the file is empty; expected .*perf record.*strace -f -ttt -T/],
    ['binary data', '\0\x01\x02\xff\0\0', /binary data of no known kind; expected/],
    ['prose', 'Lorem ipsum dolor sit amet\nconsectetur\n', /text of no known kind; expected/],
    ['a recording of perf', 'PERFILE2\0\0\0', /print it first with `perf script -F/],
    ['an LTTng stream', Buffer.from('c11ffcc100', 'hex'), /LTTng/],
  ])('refuses %s in one line that names what was expected', async (_, bytes, message) => {
    await expect(read(bytes)).rejects.toThrow(TraceError);
    await expect(read(bytes)).rejects.toThrow(message);
    await expect(read(bytes)).rejects.not.toThrow(/\n/);
  });

  it('refuses a decompression bomb that begins like a trace', async () => {
    const start = plain('nginx.perf-script');
    const filler = Buffer.alloc(200 * 1024 * 1024);
    await expect(read(gzipSync(Buffer.concat([start, filler])))).rejects.toThrow(
      /gzip data that expands to more/,
    );
    await expect(read(zstdCompressSync(Buffer.concat([start, filler])))).rejects.toThrow(
      /zstd data that expands/,
    );
  });

  it('reads any part of a trace or throws a TraceError, and nothing else', async () => {
    const samples = fixtures.map(plain);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...samples),
        fc.nat(),
        fc.integer({ min: 0, max: 6000 }),
        fc.boolean(),
        async (bytes, start, length, pack) => {
          const from = start % bytes.length;
          const part = bytes.subarray(from, from + length);
          const input = pack ? gzipSync(part).subarray(0, 10 + length / 4) : part;
          const trace = await read(input, { stacks: true }, 997).catch((error: unknown) => {
            expect(error).toBeInstanceOf(TraceError);
            return null;
          });
          if (trace === null) return;
          const open = new Map<number, number>();
          for (let row = 0; row < trace.length; row++) {
            expect(trace.durationNs[row]).toBeGreaterThanOrEqual(0);
            if (trace.durationNs[row] !== OPEN) continue;
            const thread = trace.thread[row] ?? -1;
            open.set(thread, (open.get(thread) ?? 0) + 1);
          }
          // A thread waits in one call at a time.
          for (const count of open.values()) expect(count).toBe(1);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('keeps its promises about the columns whatever bytes of a trace were changed', async () => {
    const samples = fixtures.map((fixture) => plain(fixture).subarray(0, 20_000));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...samples),
        fc.array(
          fc.tuple(
            fc.nat({ max: 19_999 }),
            fc.constantFrom(...Buffer.from('\n\t :)=<(/[]0f-\xff\0', 'latin1')),
          ),
          {
            minLength: 1,
            maxLength: 60,
          },
        ),
        async (sample, changes) => {
          const bytes = Buffer.from(sample);
          for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
          const trace = await read(bytes, { stacks: true });
          for (let row = 0; row < trace.length; row++) {
            expect(trace.durationNs[row]).toBeGreaterThanOrEqual(0);
            expect(trace.enterNs[row]).toBeGreaterThanOrEqual(row === 0 ? 0 : (trace.enterNs[row - 1] ?? 0));
            expect(trace.thread[row]).toBeLessThan(trace.threads.length);
            expect(trace.call[row]).toBeLessThan(trace.callNames.length);
            expect(trace.fd[row]).toBeGreaterThanOrEqual(-1);
            expect(trace.stack?.[row] ?? -1).toBeLessThan(trace.stacks?.parent.length ?? 0);
          }
          for (let node = 0; node < (trace.stacks?.parent.length ?? 0); node++) {
            expect(trace.stacks?.parent[node]).toBeLessThan(node);
            expect(trace.stacks?.frame[node]).toBeLessThan(trace.stacks?.frames.length ?? 0);
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});

import { compressionOf, type Damage, decompress } from './decompress.ts';
import { TraceError } from './errors.ts';
import { readPerfScript } from './readers/perf-script.ts';
import { PERF_RECORD_COMMAND, PERF_SCRIPT_COMMAND, STRACE_COMMAND } from './readers/recording-commands.ts';
import { readStrace } from './readers/strace.ts';
import { readTraceDat } from './readers/trace-dat.ts';
import { SNIFF_BYTES, type SniffedFormat, sniffFormat } from './sniff-format.ts';
import { OPEN, type ReadOptions, type Skip, type Trace } from './trace.ts';

/**
 * Reads a trace of any format from bytes, plain, gzip or zstd; formats are told apart by content alone.
 *
 * Memory is bounded by the trace's columns, never by the text. Throws a TraceError, and nothing else, when
 * nothing usable is left of the input; errors of `chunks` itself (a network, a disk) pass through.
 */
export async function readTrace(
  chunks: AsyncIterable<Uint8Array>,
  options: ReadOptions = {},
): Promise<Trace> {
  const outer = await peek(withProgress(chunks, options.onProgress), 4);
  const compression = compressionOf(outer.head);
  if (compression === null) return named(options, () => readPlain(outer.chunks, options));

  const plain = decompress(outer.chunks, compression);
  let trace: Trace;
  try {
    trace = await named(options, () => readPlain(plain.chunks, options));
  } catch (error) {
    const damage = plain.damage();
    if (damage === null || !(error instanceof TraceError)) throw error;
    throw nothingLeft(options, compression, damage);
  }
  const damage = plain.damage();
  if (damage !== null && trace.durationNs.every((durationNs) => durationNs === OPEN)) {
    throw nothingLeft(options, compression, damage);
  }
  return damage === null ? trace : { ...trace, skips: [...trace.skips, damageSkip(compression, damage)] };
}

async function readPlain(chunks: AsyncIterable<Uint8Array>, options: ReadOptions): Promise<Trace> {
  const plain = await peek(chunks, SNIFF_BYTES);
  const format = sniffFormat(plain.head);
  switch (format) {
    case 'perf-script':
      return readPerfScript(plain.chunks, options);
    case 'strace':
      return readStrace(plain.chunks, options);
    case 'trace.dat':
      return readTraceDat(plain.chunks, options);
    default:
      throw new TraceError(refusals[format]);
  }
}

const EXPECTED =
  `expected a trace of system calls: the text of \`${PERF_SCRIPT_COMMAND}\` after` +
  ` \`${PERF_RECORD_COMMAND}\`, or of \`${STRACE_COMMAND}\`, or the trace.dat of \`perfscope ship\`,` +
  ' plain, gzip or zstd';

const refusals: Readonly<Record<Exclude<SniffedFormat, 'perf-script' | 'strace' | 'trace.dat'>, string>> = {
  empty: `the file is empty; ${EXPECTED}`,
  binary: `binary data of no known kind; ${EXPECTED}`,
  text: `text of no known kind; ${EXPECTED}`,
  'perf.data': `perf's own recording; print it first with \`${PERF_SCRIPT_COMMAND} -i FILE\``,
  ctf: `an LTTng (CTF) stream, which this build does not read; ${EXPECTED}`,
};

function nothingLeft(options: ReadOptions, compression: string, damage: Damage): TraceError {
  return new TraceError(
    `${options.name ?? 'trace'}: ${compression} data that ${damage.kind === 'cut' ? 'ends early' : 'is damaged'},` +
      ' with no complete system call before that: copy the file again, or record it again with' +
      ` \`${PERF_SCRIPT_COMMAND} | ${compression}\``,
  );
}

/** Puts the input's name in front of a TraceError's message. */
async function named(options: ReadOptions, read: () => Promise<Trace>): Promise<Trace> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof TraceError) || options.name === undefined) throw error;
    throw new TraceError(`${options.name}: ${error.message}`, { cause: error });
  }
}

const MISSING_REST = 'what came after is missing';

/** Whether compressed data ended early or was damaged: the trace holds what came before. */
export function restIsMissing(trace: Pick<Trace, 'skips'>): boolean {
  return trace.skips.some(({ reason }) => reason.endsWith(MISSING_REST));
}

function damageSkip(compression: string, damage: Damage): Skip {
  return {
    reason:
      damage.kind === 'cut'
        ? `early end of the ${compression} data: ${MISSING_REST}`
        : `damaged place in the ${compression} data: ${MISSING_REST}`,
    severity: 'loss',
    count: 1,
    remedy: 'Copy the file again, and compare its size with the original.',
    firstAt: damage.plainBytes,
  };
}

interface Peeked {
  readonly head: Uint8Array;
  /** All of the input, head included. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Reads at least `bytes` ahead, or all there is. */
async function peek(chunks: AsyncIterable<Uint8Array>, bytes: number): Promise<Peeked> {
  const iterator = chunks[Symbol.asyncIterator]();
  const read: Uint8Array[] = [];
  let length = 0;
  while (length < bytes) {
    const next = await iterator.next();
    if (next.done === true) break;
    read.push(next.value);
    length += next.value.length;
  }
  const head = new Uint8Array(length);
  let at = 0;
  for (const chunk of read) {
    head.set(chunk, at);
    at += chunk.length;
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      if (head.length > 0) yield head;
      for (;;) {
        const next = await iterator.next();
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      await iterator.return?.();
    }
  }
  return { head, chunks: all() };
}

async function* withProgress(
  chunks: AsyncIterable<Uint8Array>,
  onProgress: ReadOptions['onProgress'],
): AsyncGenerator<Uint8Array> {
  let bytesRead = 0;
  for await (const chunk of chunks) {
    bytesRead += chunk.length;
    onProgress?.(bytesRead);
    yield chunk;
  }
}

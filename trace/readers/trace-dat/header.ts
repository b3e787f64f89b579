import { Buffer } from 'node:buffer';
import { MAX_RECORDING_BYTES, parseRecording, RECORDING_OPTION, type Recording } from '../../recording.ts';
import type { ByteCursor } from './byte-cursor.ts';
import { type EventFormat, parseEventFormat } from './event-format.ts';
import { type PageLayout, pageLayout, UnknownLayout } from './page-layout.ts';

/** Everything before the ring pages of a trace.dat file of version 6 (man 5 trace-cmd.dat.v6). */
export interface TraceDatHeader {
  readonly layout: PageLayout;
  /** Thread names by thread id, from saved_cmdlines. */
  readonly comms: ReadonlyMap<number, string>;
  readonly cpuCount: number;
  /** Where the pages of each CPU lie, in the order of the file. */
  readonly regions: readonly CpuRegion[];
  /** Where further buffers (tracefs instances) start. */
  readonly buffers: readonly number[];
  readonly clock: string | null;
  readonly uname: string | null;
  readonly cpuStats: string;
  readonly recording: Recording | null;
  /** There is a recording of a version that this reader does not know. */
  readonly unknownRecording: boolean;
}

export interface CpuRegion {
  readonly cpu: number;
  readonly offset: number;
  readonly size: number;
}

/** The first bytes of the file: 17 08 44 and "tracing". */
export const TRACE_DAT_MAGIC = Buffer.from('\x17\x08\x44tracing', 'latin1');

/** /proc/kallsyms of a large kernel is some 20 MB; nothing else in a header comes near. */
const MAX_SECTION_BYTES = 256 * 1024 * 1024;
/** A kernel has some 3,000 events. */
const MAX_EVENTS = 100_000;
/**
 * The most that a kernel can be built for: CONFIG_NR_CPUS, 8,192 on x86 (arch/x86/Kconfig, NR_CPUS_RANGE_END), fewer
 * elsewhere. What is done for each ring looks at the others: a forged number must not make it endless.
 */
export const MAX_CPUS = 8_192;
const MAX_NAME_BYTES = 4_096;

/** Option ids (trace-cmd: lib/trace-cmd/include/private/trace-cmd-private.h). */
export const OPTION = { done: 0, cpuStat: 2, buffer: 3, clock: 4, uname: 5, cpuCount: 8 } as const;

export async function readHeader(cursor: ByteCursor): Promise<TraceDatHeader> {
  await cursor.bytes(TRACE_DAT_MAGIC.length);
  const version = await cursor.cString(16);
  if (version !== '6') {
    throw new UnknownLayout(
      `it is of version ${version}, and this reader knows version 6: convert it by «trace-cmd convert --file-version 6 -i FILE -o FILE.v6»`,
    );
  }
  const [endian, longBytes] = await cursor.bytes(2);
  if (endian !== 0) throw new UnknownLayout('it was recorded on a big-endian machine');
  if (longBytes !== 8) throw new UnknownLayout('it was recorded on a 32-bit machine');
  await cursor.u32(); // the machine's page size: header_page tells the ring's own

  await cursor.cString(MAX_NAME_BYTES); // "header_page"
  const headerPage = await section(cursor);
  await cursor.cString(MAX_NAME_BYTES); // "header_event"
  await section(cursor);

  const formats: EventFormat[] = [];
  await readFormats(cursor); // the tracers' own events: never calls
  const systems = limited(await cursor.u32(), MAX_EVENTS, 'event systems');
  for (let i = 0; i < systems; i++) {
    const system = await cursor.cString(MAX_NAME_BYTES);
    const events = await readFormats(cursor);
    if (system === 'raw_syscalls' || system === 'sched') formats.push(...events);
  }
  await skip(cursor, await cursor.u32()); // kallsyms
  await skip(cursor, await cursor.u32()); // printk formats
  const comms = parseCommands(await section(cursor));
  const cpuCount = limited(await cursor.u32(), MAX_CPUS, 'CPUs');
  const layout = pageLayout(headerPage, formats);

  const options: Options = {
    buffers: [],
    clock: null,
    uname: null,
    cpuStats: '',
    cpuCount,
    recording: null,
    unknownRecording: false,
  };
  let kind = await blockKind(cursor);
  if (kind === 'options') {
    await readOptions(cursor, options);
    kind = await blockKind(cursor);
  }
  const regions = await readRegionTable(cursor, kind, options.cpuCount);
  return { layout, comms, regions, ...options };
}

interface Options {
  buffers: number[];
  clock: string | null;
  uname: string | null;
  cpuStats: string;
  cpuCount: number;
  recording: Recording | null;
  unknownRecording: boolean;
}

async function readOptions(cursor: ByteCursor, options: Options): Promise<void> {
  for (;;) {
    const id = await cursor.u16();
    if (id === OPTION.done) return;
    const size = await cursor.u32();
    if (id === RECORDING_OPTION) {
      options.recording = parseRecording(
        utf8(await cursor.bytes(limited(size, MAX_RECORDING_BYTES, 'bytes'))),
      );
      options.unknownRecording = options.recording === null;
      continue;
    }
    const bytes = await cursor.bytes(limited(size, MAX_SECTION_BYTES, 'bytes'));
    if (id === OPTION.cpuStat) options.cpuStats += `${text(bytes)}\n`;
    else if (id === OPTION.clock) options.clock = /\[(\S+)\]/.exec(text(bytes))?.[1] ?? null;
    else if (id === OPTION.uname) options.uname = text(bytes);
    else if (id === OPTION.buffer && size >= 8)
      options.buffers.push(Number(new DataView(bytes.buffer).getBigUint64(0, true)));
    else if (id === OPTION.cpuCount && size >= 4)
      options.cpuCount = limited(new DataView(bytes.buffer).getUint32(0, true), MAX_CPUS, 'CPUs');
  }
}

/** Reads the table of a buffer: its CPUs' offsets and sizes. */
export async function readRegionTable(
  cursor: ByteCursor,
  kind: BlockKind,
  cpuCount: number,
): Promise<CpuRegion[]> {
  if (kind !== 'flyrecord') {
    throw new UnknownLayout(
      'it holds the text of a latency tracer, not the ring pages of «trace-cmd record -e raw_syscalls»',
    );
  }
  const regions: CpuRegion[] = [];
  for (let cpu = 0; cpu < cpuCount; cpu++) {
    const offset = await cursor.u64();
    regions.push({ cpu, offset, size: await cursor.u64() });
  }
  return regions;
}

export type BlockKind = 'options' | 'flyrecord' | 'latency';

export async function blockKind(cursor: ByteCursor): Promise<BlockKind> {
  const word = text(await cursor.bytes(10)).trimEnd();
  if (word === 'options' || word === 'flyrecord' || word === 'latency') return word;
  throw new UnknownLayout(
    `at byte ${cursor.position - 10} it has ${JSON.stringify(word)} instead of options or flyrecord`,
  );
}

async function readFormats(cursor: ByteCursor): Promise<EventFormat[]> {
  const formats: EventFormat[] = [];
  const count = limited(await cursor.u32(), MAX_EVENTS, 'events');
  for (let i = 0; i < count; i++) {
    const format = parseEventFormat(await section(cursor));
    if (format !== null) formats.push(format);
  }
  return formats;
}

async function section(cursor: ByteCursor): Promise<string> {
  return text(await cursor.bytes(limited(await cursor.u64(), MAX_SECTION_BYTES, 'bytes')));
}

async function skip(cursor: ByteCursor, size: number): Promise<void> {
  await cursor.skipTo(cursor.position + limited(size, MAX_SECTION_BYTES, 'bytes'));
}

function limited(count: number, limit: number, what: string): number {
  if (count > limit)
    throw new UnknownLayout(`it names ${count} ${what} in its header, and the limit is ${limit}`);
  return count;
}

function parseCommands(lines: string): Map<number, string> {
  const comms = new Map<number, string>();
  for (const line of lines.split('\n')) {
    const space = line.indexOf(' ');
    if (space > 0) comms.set(Number(line.slice(0, space)), line.slice(space + 1));
  }
  return comms;
}

function text(bytes: Uint8Array): string {
  return utf8(bytes).replace(/\0[\s\S]*$/, '');
}

function utf8(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

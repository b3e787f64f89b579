import { OPTION, TRACE_DAT_MAGIC } from '../trace/readers/trace-dat/header.ts';
import { RECORDING_OPTION, type Recording } from '../trace/recording.ts';

/**
 * Writes the head of a trace.dat file, version 6 (man 5 trace-cmd.dat.v6): the kernel's descriptions of page and
 * events, thread names, options, and the table of where each CPU's ring pages lie. The pages follow as they are.
 */
export interface TraceDatContents {
  /** Texts of events/header_page and events/header_event. */
  readonly headerPage: string;
  readonly headerEvent: string;
  /** Texts of events/<system>/<event>/format, by system. */
  readonly formats: ReadonlyMap<string, readonly string[]>;
  /** As in trace_clock: the clock in use in brackets. */
  readonly traceClock: string;
  readonly uname: string;
  /** Texts of per_cpu/cpuN/stats, in the order of the CPUs. */
  readonly cpuStats: readonly string[];
  readonly recording: Recording;
  readonly pageBytes: number;
  /** Bytes of ring pages of each CPU, in the order of the CPUs. */
  readonly cpuBytes: readonly number[];
}

export function traceDatHead(contents: TraceDatContents): Buffer {
  const { recording, cpuBytes } = contents;
  const parts: Buffer[] = [
    TRACE_DAT_MAGIC,
    Buffer.from('6\0', 'latin1'),
    Buffer.from([0, 8]), // little-endian, eight bytes a long
    u32(contents.pageBytes),
    Buffer.from('header_page\0', 'latin1'),
    sized64(contents.headerPage),
    Buffer.from('header_event\0', 'latin1'),
    sized64(contents.headerEvent),
    u32(0), // the tracers' own events
    u32(contents.formats.size),
  ];
  for (const [system, formats] of contents.formats) {
    parts.push(Buffer.from(`${system}\0`, 'latin1'), u32(formats.length), ...formats.map(sized64));
  }
  parts.push(u32(0), u32(0)); // neither kallsyms nor printk formats: addresses stay on the node
  parts.push(sized64(recording.threads.map(({ tid, comm }) => `${tid} ${comm}\n`).join('')));
  parts.push(u32(cpuBytes.length));
  parts.push(Buffer.from('options  \0', 'latin1'));
  parts.push(option(OPTION.clock, `${contents.traceClock}\0`));
  parts.push(option(OPTION.uname, `${contents.uname}\0`));
  contents.cpuStats.forEach((stats, cpu) => {
    parts.push(option(OPTION.cpuStat, `CPU: ${cpu}\n${stats}\0`));
  });
  parts.push(option(RECORDING_OPTION, JSON.stringify(recording)));
  parts.push(u16(OPTION.done));
  parts.push(Buffer.from('flyrecord\0', 'latin1'));

  const before = parts.reduce((sum, part) => sum + part.length, 0) + cpuBytes.length * 16;
  // Pages lie at multiples of their size: trace-cmd maps them from the file, and skips others.
  const head = Math.ceil(before / contents.pageBytes) * contents.pageBytes;
  let offset = head;
  for (const bytes of cpuBytes) {
    parts.push(u64(offset), u64(bytes));
    offset += bytes;
  }
  parts.push(Buffer.alloc(head - before));
  return Buffer.concat(parts);
}

function option(id: number, value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([u16(id), u32(bytes.length), bytes]);
}

function sized64(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([u64(bytes.length), bytes]);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

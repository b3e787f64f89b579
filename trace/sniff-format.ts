import { Buffer } from 'node:buffer';
import { isOtherEvent } from './readers/perf-other-lines.ts';
import { parseStraceLine } from './readers/strace-line.ts';
import { TRACE_DAT_MAGIC } from './readers/trace-dat/header.ts';

/** How much of the plain bytes is looked at: more than the header of perf script, which describes all events. */
export const SNIFF_BYTES = 1024 * 1024;

/** So many lines of a kind decide, without looking at all the rest. */
const DECIDING_LINES = 100;

/** What the first bytes of an input are; the first three are traces that can be read. */
export type SniffedFormat =
  | 'perf-script'
  | 'strace'
  | 'trace.dat'
  | 'ctf'
  | 'perf.data'
  | 'empty'
  | 'binary'
  | 'text';

/** tools/perf/Documentation/perf.data-file-format.txt */
const PERF_DATA_MAGIC = Buffer.from('PERFILE2', 'latin1');
/** CTF 1.8, section 5.1 (packet magic 0xC1FC1FC1) and 7.1 (metadata magic 0x75D11D57), little endian. */
const CTF_MAGICS = [Buffer.from([0xc1, 0x1f, 0xfc, 0xc1]), Buffer.from([0x57, 0x1d, 0xd1, 0x75])];

const PERF_CALL = /syscalls:sys_e(?:nter|xit)/;
const PERF_SWITCH = /\bsched:sched_switch:/;

/** Tells formats apart by content: binary ones by their magic, texts by what most of the first lines look like. */
export function sniffFormat(head: Uint8Array): SniffedFormat {
  const bytes = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, SNIFF_BYTES));
  if (bytes.length === 0) return 'empty';
  if (startsWith(bytes, TRACE_DAT_MAGIC)) return 'trace.dat';
  if (startsWith(bytes, PERF_DATA_MAGIC)) return 'perf.data';
  if (CTF_MAGICS.some((magic) => startsWith(bytes, magic))) return 'ctf';
  let perf = 0;
  let strace = 0;
  for (const line of bytes.toString('latin1').split('\n')) {
    if (PERF_CALL.test(line) || PERF_SWITCH.test(line) || isOtherEvent(line)) perf++;
    else if (parseStraceLine(line) !== null) strace++;
    if (perf === DECIDING_LINES || strace === DECIDING_LINES) break;
  }
  if (perf > 0 || strace > 0) return perf >= strace ? 'perf-script' : 'strace';
  return bytes.includes(0) ? 'binary' : 'text';
}

function startsWith(bytes: Buffer, magic: Buffer): boolean {
  return bytes.subarray(0, magic.length).equals(magic);
}

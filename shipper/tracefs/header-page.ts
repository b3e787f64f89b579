import { parseFields } from '../../trace/readers/trace-dat/event-format.ts';
import { ShipperError } from '../errors.ts';
import { readKnob } from './tracefs.ts';

/**
 * How a page of an instance's ring is laid out, in the kernel's words (events/header_page), which go into trace.dat
 * as well. The kernel has them once, for the top level's ring; since Linux 6.8 each instance has a page size of its
 * own (buffer_subbuf_size_kb), and somebody may have set the one or the other.
 */
export function headerPage(root: string, instance: string): string {
  return withPageBytes(readKnob(root, 'events/header_page'), ownPageBytes(instance));
}

/** 4 KiB, where nobody changed it, or the machine's page size (64 KiB on some arm64 kernels). */
export function pageBytesOf(header: string): number {
  const data = parseFields(header).get('data');
  if (data === undefined) throw new ShipperError('expected a data field in events/header_page, found none');
  return data.offset + data.size;
}

/** The same words for pages of another size: all of it is in the length of the data. */
export function withPageBytes(header: string, pageBytes: number | null): string {
  const data = parseFields(header).get('data');
  if (pageBytes === null || data === undefined) return header;
  return header.replace(/(field:[^;]*\bdata;\s*offset:\d+;\s*size:)\d+/, `$1${pageBytes - data.offset}`);
}

/** Null before Linux 6.8. */
function ownPageBytes(instance: string): number | null {
  try {
    return Number.parseInt(readKnob(instance, 'buffer_subbuf_size_kb'), 10) * 1024;
  } catch {
    return null;
  }
}

import { type EventField, type EventFormat, parseFields } from './event-format.ts';

/**
 * Where the fields lie in a ring page and in the events on it, in 32-bit words: the kernel aligns every ring
 * event to four bytes (RB_ALIGNMENT in kernel/trace/ring_buffer.c), so a page can be walked as a Uint32Array.
 */
export interface PageLayout {
  /** Bytes of a page, header included (a sub-buffer: one page, or more where buffer_subbuf_size_kb says so). */
  readonly pageBytes: number;
  /** Word of the page where its events start. */
  readonly dataWord: number;
  /** Word of the page that holds the length of its events and the flags of missed ones. */
  readonly commitWord: number;
  readonly enter: CallLayout | null;
  readonly exit: CallLayout | null;
  readonly sched: SwitchLayout | null;
}

interface CallLayout {
  readonly type: number;
  /** Words from the event's payload: thread id, call number, first argument or result. */
  readonly tid: number;
  readonly call: number;
  readonly value: number;
  /** Words that the payload must at least have. */
  readonly words: number;
}

interface SwitchLayout {
  readonly type: number;
  readonly previousTid: number;
  readonly previousState: number;
  readonly nextTid: number;
  readonly words: number;
}

/** A sub-buffer may have an order of at most 10 pages of 4 KiB, or 64 KiB pages (arm64), times that. */
const MAX_PAGE_BYTES = 64 * 1024 * 1024;

/** Thrown by layouts that this reader does not know; the message says what was found. */
export class UnknownLayout extends Error {
  override readonly name = 'UnknownLayout';
}

/** `headerPage` is the text of events/header_page. */
export function pageLayout(headerPage: string, formats: readonly EventFormat[]): PageLayout {
  const fields = parseFields(headerPage);
  const commit = wordOf(fields, 'commit', 'header_page');
  const data = fields.get('data');
  if (data === undefined || data.offset % 8 !== 0 || fields.get('timestamp')?.offset !== 0) {
    throw new UnknownLayout('its header_page names no timestamp at offset 0 and no data field');
  }
  if (fields.get('commit')?.size !== 8) {
    throw new UnknownLayout('it was recorded on a 32-bit kernel');
  }
  const pageBytes = data.offset + data.size;
  if (pageBytes % 4096 !== 0 || pageBytes > MAX_PAGE_BYTES) {
    throw new UnknownLayout(`its ring pages are ${pageBytes} bytes long`);
  }
  return {
    pageBytes,
    dataWord: data.offset / 4,
    commitWord: commit,
    enter: callLayout(formats, 'sys_enter', 'args'),
    exit: callLayout(formats, 'sys_exit', 'ret'),
    sched: switchLayout(formats),
  };
}

function callLayout(formats: readonly EventFormat[], event: string, value: string): CallLayout | null {
  const format = formats.find((f) => f.name === event);
  if (format === undefined) return null;
  return {
    type: format.id,
    tid: wordOf(format.fields, 'common_pid', event),
    call: wordOf(format.fields, 'id', event),
    value: wordOf(format.fields, value, event),
    words: wordOf(format.fields, value, event) + 2,
  };
}

function switchLayout(formats: readonly EventFormat[]): SwitchLayout | null {
  const format = formats.find((f) => f.name === 'sched_switch');
  if (format === undefined) return null;
  const nextTid = wordOf(format.fields, 'next_pid', format.name);
  return {
    type: format.id,
    previousTid: wordOf(format.fields, 'prev_pid', format.name),
    previousState: wordOf(format.fields, 'prev_state', format.name),
    nextTid,
    words: nextTid + 1,
  };
}

function wordOf(fields: ReadonlyMap<string, EventField>, name: string, event: string): number {
  const field = fields.get(name);
  if (field === undefined) throw new UnknownLayout(`its ${event} has no field ${name}`);
  if (field.offset % 4 !== 0)
    throw new UnknownLayout(`its ${event}.${name} lies at odd offset ${field.offset}`);
  return field.offset / 4;
}

import { traceDatHead } from '../../shipper/trace-dat-file.ts';
import type { Recording } from '../../trace/recording.ts';

/** Writes ring pages as the kernel does (include/linux/ring_buffer.h), for rings that no machine here would make. */
export interface RingEvent {
  readonly timeNs: number;
  readonly kind: 'enter' | 'exit' | 'switch' | 'other' | 'padding';
  readonly tid: number;
  readonly call: number;
  readonly value: bigint;
}

export interface RingPage {
  readonly events: readonly RingEvent[];
  /** Events missing before the page: null for none, -1 where the kernel gives no count. */
  readonly missed?: number | null;
}

const PAGE_BYTES = 4096;
const PAGE_WORDS = PAGE_BYTES / 4;

const TYPES = { enter: 443, exit: 442, switch: 315, other: 999 } as const;

export const HEADER_PAGE = `	field: u64 timestamp;	offset:0;	size:8;	signed:0;
	field: local_t commit;	offset:8;	size:8;	signed:1;
	field: int overwrite;	offset:8;	size:1;	signed:1;
	field: char data;	offset:16;	size:4080;	signed:0;
`;

const COMMON = `	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;
`;

export const FORMATS = new Map([
  [
    'raw_syscalls',
    [
      `name: sys_enter\nID: ${TYPES.enter}\nformat:\n${COMMON}\n	field:long id;	offset:8;	size:8;	signed:1;\n	field:unsigned long args[6];	offset:16;	size:48;	signed:0;\n`,
      `name: sys_exit\nID: ${TYPES.exit}\nformat:\n${COMMON}\n	field:long id;	offset:8;	size:8;	signed:1;\n	field:long ret;	offset:16;	size:8;	signed:1;\n`,
    ],
  ],
  [
    'sched',
    [
      `name: sched_switch\nID: ${TYPES.switch}\nformat:\n${COMMON}\n	field:char prev_comm[16];	offset:8;	size:16;	signed:0;\n	field:pid_t prev_pid;	offset:24;	size:4;	signed:1;\n	field:int prev_prio;	offset:28;	size:4;	signed:1;\n	field:long prev_state;	offset:32;	size:8;	signed:1;\n	field:char next_comm[16];	offset:40;	size:16;	signed:0;\n	field:pid_t next_pid;	offset:56;	size:4;	signed:1;\n	field:int next_prio;	offset:60;	size:4;	signed:1;\n`,
    ],
  ],
]);

/** Secret that stands wherever an event has room for one. */
export const SECRET = 0x5ec2e75e;

const PAYLOAD_WORDS = { enter: 16, exit: 6, switch: 16, other: 5, padding: 4 } as const;

export function pageOf({ events, missed = null }: RingPage): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(PAGE_WORDS).fill(SECRET);
  const first = events[0]?.timeNs ?? 0;
  words[0] = first % 2 ** 32;
  words[1] = Math.floor(first / 2 ** 32);
  let at = 4;
  let last = first;
  for (const event of events) {
    let delta = event.timeNs - last;
    last = event.timeNs;
    if (delta >= 2 ** 27) {
      words[at++] = 30 + (delta % 2 ** 27) * 32;
      words[at++] = Math.floor(delta / 2 ** 27);
      delta = 0;
    }
    const size = PAYLOAD_WORDS[event.kind];
    if (event.kind === 'padding') {
      words[at] = 29 + Math.max(1, delta) * 32;
      words[at + 1] = size * 4;
      at += 1 + size;
      continue;
    }
    words[at] = size + delta * 32;
    const payload = at + 1;
    words[payload] = TYPES[event.kind];
    words[payload + 1] = event.tid;
    if (event.kind === 'enter' || event.kind === 'exit') {
      words[payload + 2] = event.call;
      words[payload + 3] = 0;
      words[payload + 4] = Number(BigInt.asUintN(32, event.value));
      words[payload + 5] = Number(BigInt.asUintN(32, event.value >> 32n));
    } else if (event.kind === 'switch') {
      words[payload + 6] = event.tid;
      words[payload + 8] = event.call;
      words[payload + 9] = 0;
      words[payload + 14] = Number(event.value);
    }
    at = payload + size;
  }
  const commit = (at - 4) * 4;
  if (at > PAGE_WORDS) throw new Error(`${events.length} events do not fit on a page`);
  const hasCount = missed !== null && missed >= 0 && at + 2 <= PAGE_WORDS;
  words[2] = commit + (missed === null ? 0 : 0x8000_0000) + (hasCount ? 0x4000_0000 : 0);
  words[3] = 0;
  if (hasCount) {
    words[at] = missed;
    words[at + 1] = 0;
  }
  return new Uint8Array(words.buffer);
}

export const RECORDING: Recording = {
  schema: 'perfscope.recording/1',
  service: 'service',
  build: null,
  node: 'node',
  incident: 'incident',
  recorder: { name: 'tracefs', version: '0' },
  architecture: 'x86_64',
  kernel: 'Linux 6',
  clock: { name: 'mono', monotonicSeconds: 100, realtimeSeconds: 1_700_000_000 },
  window: { startSeconds: 0, endSeconds: 0, coveredFromSeconds: 0, requestedSeconds: 90, alarmAt: null },
  cpus: [],
  threads: [],
  warnings: [],
};

export function traceDat(cpus: readonly (readonly RingPage[])[], recording: Recording): Buffer {
  const pages = cpus.map((list) => list.map(pageOf));
  const head = traceDatHead({
    headerPage: HEADER_PAGE,
    headerEvent: '',
    formats: FORMATS,
    traceClock: 'local [mono]',
    uname: 'Linux node 6 x86_64',
    cpuStats: [],
    recording,
    pageBytes: PAGE_BYTES,
    cpuBytes: pages.map((list) => list.length * PAGE_BYTES),
  });
  return Buffer.concat([head, ...pages.flat()]);
}

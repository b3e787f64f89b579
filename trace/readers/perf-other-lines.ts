/** Lines of `perf script` that are no system calls: other events, and what perf says of lost ones. */

/** A line of some other event: it has a time and an event's name where perf puts them. */
export function isOtherEvent(line: string): boolean {
  return /\s\d+\.\d+:\s+(?:\d+\s+)?\S+:(?:\s|$)/.test(line) || /:\s+PERF_RECORD_/.test(line);
}

export interface Lost {
  readonly count: number;
  /** True where `count` is blocks of events, not events. */
  readonly chunks: boolean;
  /** -1 where the line does not tell. */
  readonly cpu: number;
  readonly seconds: number | null;
}

/** `… [001] 12.345678: PERF_RECORD_LOST lost 17`, of perf script --show-lost-events. */
const LOST_RECORD = /(?:\[(\d+)\]\s+)?(\d+\.\d+):\s+PERF_RECORD_LOST\w*\s+lost (\d+)/;
/** perf trace and ftrace. */
const LOST_WORDS = /^(?:CPU:(\d+) \[)?LOST (\d+) events/i;
/** tools/perf/util/session.c, on standard error at the end. */
const LOST_CHUNKS = /^Processed \d+ events and lost (\d+) chunks!/;

export function parseLost(line: string): Lost | null {
  const record = LOST_RECORD.exec(line);
  if (record !== null) {
    const [, cpu, seconds, count] = record;
    return { count: Number(count), chunks: false, cpu: Number(cpu ?? -1), seconds: Number(seconds) };
  }
  const words = LOST_WORDS.exec(line);
  if (words !== null) {
    return { count: Number(words[2]), chunks: false, cpu: Number(words[1] ?? -1), seconds: null };
  }
  const chunks = LOST_CHUNKS.exec(line);
  return chunks === null ? null : { count: Number(chunks[1]), chunks: true, cpu: -1, seconds: null };
}

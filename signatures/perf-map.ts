/**
 * Perf maps: the files /tmp/perf-PID.map in which a JIT tells perf the names of its code,
 * one `START SIZE NAME` a line, the numbers in hexadecimal (Linux,
 * tools/perf/Documentation/jit-interface.txt).
 *
 * V8 only ever appends to its map and uses the addresses of freed code again, so entries
 * overlap, and perf takes any of those that cover an address. The newest one is the code
 * that lives there now.
 */
interface Entry {
  readonly start: number;
  readonly end: number;
  readonly name: string;
  /** Position in the file: the higher one was written later. */
  readonly position: number;
}

export interface NewestPerfMap {
  /** The map without overlaps, ordered by address. */
  readonly text: string;
  readonly entries: number;
  /** Entries of which nothing was left, because newer code covers them. */
  readonly replaced: number;
  /** Entries of which newer code covers a part. */
  readonly trimmed: number;
  /** Lines that are not of the form `START SIZE NAME`, such as a last line cut short. */
  readonly skippedLines: number;
}

const ENTRY = /^(?:0x)?([0-9a-f]{1,16}) (?:0x)?([0-9a-f]{1,8}) (.+)$/i;

/** Gives every address of a perf map to the newest entry that covers it. */
export function keepNewestEntries(map: string): NewestPerfMap {
  const entries: Entry[] = [];
  let skippedLines = 0;
  for (const line of map.split('\n')) {
    if (line.trim() === '') continue;
    const [, start, size, name] = ENTRY.exec(line.trimEnd()) ?? [];
    if (start === undefined || size === undefined || name === undefined) {
      skippedLines++;
      continue;
    }
    // User-space addresses have at most 47 bits on x86_64 and 48 on arm64: exact as numbers.
    const from = Number.parseInt(start, 16);
    const to = from + Number.parseInt(size, 16);
    if (to > from) entries.push({ start: from, end: to, name, position: entries.length });
    else skippedLines++;
  }
  const pieces = withoutOverlaps(entries);
  const left = new Map<number, number>();
  for (const { position, start, end } of pieces) left.set(position, (left.get(position) ?? 0) + end - start);
  let replaced = 0;
  let trimmed = 0;
  for (const entry of entries) {
    const bytes = left.get(entry.position) ?? 0;
    if (bytes === 0) replaced++;
    else if (bytes < entry.end - entry.start) trimmed++;
  }
  const text = pieces.map((p) => `${p.start.toString(16)} ${(p.end - p.start).toString(16)} ${p.name}\n`);
  return { text: text.join(''), entries: entries.length, replaced, trimmed, skippedLines };
}

/** Sweeps over the addresses; at each, the newest of the entries open there names it. */
function withoutOverlaps(entries: readonly Entry[]): readonly Entry[] {
  const byStart = [...entries].sort((a, b) => a.start - b.start);
  const bounds = [...new Set(entries.flatMap((entry) => [entry.start, entry.end]))].sort((a, b) => a - b);
  const open: Entry[] = [];
  const pieces: Entry[] = [];
  let next = 0;
  bounds.forEach((bound, index) => {
    for (; byStart[next]?.start === bound; next++) push(open, byStart[next]!);
    while (open[0] !== undefined && open[0].end <= bound) pop(open);
    const newest = open[0];
    const until = bounds[index + 1];
    if (newest === undefined || until === undefined) return;
    const last = pieces.at(-1);
    if (last !== undefined && last.position === newest.position && last.end === bound) {
      pieces[pieces.length - 1] = { ...last, end: until };
    } else {
      pieces.push({ ...newest, start: bound, end: until });
    }
  });
  return pieces;
}

/** A binary heap with the newest entry on top; ended entries below the top do no harm and stay. */
function push(heap: Entry[], entry: Entry): void {
  let at = heap.length;
  heap.push(entry);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (heap[parent]!.position > entry.position) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = entry;
}

function pop(heap: Entry[]): void {
  const entry = heap.pop();
  if (entry === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && heap[child + 1]!.position > heap[child]!.position) child++;
    if (heap[child]!.position < entry.position) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = entry;
}

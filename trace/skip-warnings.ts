import type { Skip, Trace } from './trace.ts';

/**
 * What a reader passed over, as sentences for the report's warnings: all but what is normal for the format, the
 * worst first, each with its remedy.
 */
export function skipWarnings(trace: Pick<Trace, 'format' | 'skips'>): string[] {
  const place = trace.format === 'perf-script' || trace.format === 'strace' ? 'line' : 'byte';
  return trace.skips
    .filter(({ severity }) => severity !== 'info')
    .map((skip, order) => ({ skip, order }))
    .sort((a, b) => badness[b.skip.severity] - badness[a.skip.severity] || a.order - b.order)
    .map(({ skip }) => sentence(skip, place));
}

const badness: Readonly<Record<Skip['severity'], number>> = { info: 0, notice: 1, loss: 2, error: 3 };

function sentence({ count, reason, firstAt, remedy }: Skip, place: string): string {
  const first = firstAt === null ? '' : ` (first at ${place} ${firstAt})`;
  return `${count} ${reason}${first}.${remedy === '' ? '' : ` ${remedy}`}`;
}

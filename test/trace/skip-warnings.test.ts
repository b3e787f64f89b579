import { expect, it } from 'vitest';
import { skipWarnings } from '../../trace/skip-warnings.ts';

it('turns what a reader skipped into sentences, the worst first, without what is normal', () => {
  const warnings = skipWarnings({
    format: 'strace',
    skips: [
      { reason: 'signals', severity: 'info', count: 9, remedy: '', firstAt: 1 },
      { reason: 'odd lines', severity: 'notice', count: 2, remedy: 'Look at them.', firstAt: 4 },
      { reason: 'bad lines', severity: 'error', count: 3, remedy: 'Record again.', firstAt: 7 },
      { reason: 'lost calls', severity: 'loss', count: 1, remedy: 'Use a larger buffer.', firstAt: null },
    ],
  });
  expect(warnings).toEqual([
    '3 bad lines (first at line 7). Record again.',
    '1 lost calls. Use a larger buffer.',
    '2 odd lines (first at line 4). Look at them.',
  ]);
});

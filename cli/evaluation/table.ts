import type { CaseScore, Summary } from './score.ts';

/** The scores of all cases as a table in plain text. */
export function evaluationTable(scores: readonly CaseScore[], summary: Summary): string {
  const header = [
    'case',
    'verdict',
    'right',
    'primary',
    'related',
    'suspects',
    'baseline',
    'mine s',
    'infer s',
    'events',
  ];
  const rows = scores.map((score) => [
    score.case,
    score.verdict,
    score.kinds.includes(score.verdict) ? 'yes' : `no (${score.kinds.join('|')})`,
    score.primaryMakesCalls ? rank(score.primaryRank) : `(${rank(score.primaryRank)})`,
    rank(score.relatedRank),
    `${score.suspects}/${score.functions}`,
    [score.baselineVerdict ?? '-', ...score.falseAlarms.map((part) => `alarm: ${part}`)].join(', '),
    score.mineSeconds.toFixed(1),
    score.seconds.toFixed(1),
    score.events.toLocaleString('en-US'),
  ]);
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ');
  const percent = (share: number) => `${(share * 100).toFixed(0)} %`;
  return [
    line(header),
    line(widths.map((width) => '-'.repeat(width))),
    ...rows.map(line),
    '',
    `primary function first ${percent(summary.primaryFirst)}, within 3 ${percent(summary.primaryWithin3)}, ` +
      `within 5 ${percent(summary.primaryWithin5)} of ${summary.withCalls} cases in which it makes calls`,
    `related functions counted too: first ${percent(summary.relatedFirst)}, within 3 ${percent(summary.relatedWithin3)} of ${summary.cases} cases`,
    `verdict right ${percent(summary.verdictRight)}, baseline normal ${percent(summary.baselineNormal)}, false alarms on parts of baselines ${summary.falseAlarms}`,
    '(ranks in brackets: the faulty function makes no call during the anomaly)',
    '',
  ].join('\n');
}

function rank(value: number | null): string {
  return value === null ? '-' : String(value);
}

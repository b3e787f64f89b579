import { type Command, Option } from 'commander';
import { type Idea, ideas } from '../../inference/method-options.ts';
import { TraceError } from '../../trace/errors.ts';
import type { Source, Window } from '../evaluation/evaluate.ts';
import { InputError } from '../input-error.ts';
import { writeOutput } from '../output.ts';
import { createProgress } from '../progress.ts';

interface EvalOptions {
  readonly json?: string;
  readonly source: Source;
  readonly window: Window;
  readonly without: readonly Idea[];
  readonly paper?: boolean;
}

export function register(program: Command): void {
  program
    .command('eval')
    .summary('score the method against cases with known answers')
    .description(
      'Mines the profiles of each case below a folder, infers on its production trace and its baseline, and prints ' +
        'where the truly faulty function was ranked. A folder without case.json is passed over; a missing file is ' +
        'reported and the case left out.',
    )
    .argument('<cases>', 'folder of case folders: case.json, profile-*, production.*, baseline.*')
    .option('--json <file>', 'also write the scores as JSON; - is standard output, in place of the table')
    .addOption(
      new Option('--source <kind>', 'which production trace to score')
        .choices(['perf-script', 'strace'])
        .default('perf-script'),
    )
    .addOption(
      new Option(
        '--window <part>',
        'which part of it: all, or from half a second after the anomaly on, as a late alarm finds it',
      )
        .choices(['whole', 'late'])
        .default('whole'),
    )
    .addOption(
      new Option(
        '--without <idea...>',
        'leave out ideas of the method, to see what each is worth (docs/method.md)',
      )
        .choices(Object.keys(ideas))
        .default([]),
    )
    .option('--paper', 'rank as the paper does: by the largest increase in time or frequency')
    .addHelpText(
      'after',
      '\nExample:\n  perfscope eval examples --json scores.json\n\nWhat a case is made of: examples/README.md.',
    )
    .action(async (folder: string, options: EvalOptions) => {
      const [{ evaluateCase }, { readCases }, { summarize }, { evaluationTable }, { readTraceFile }] =
        await Promise.all([
          import('../evaluation/evaluate.ts'),
          import('../evaluation/known-case.ts'),
          import('../evaluation/score.ts'),
          import('../evaluation/table.ts'),
          import('../../trace/read-trace-file.ts'),
        ]);
      const progress = createProgress();
      const scores = [];
      const missing: string[] = [];
      const tools = {
        read: (path: string, stacks: boolean) => readTraceFile(path, { name: path, stacks }),
        cpuSeconds: () => {
          const { user, system } = process.cpuUsage();
          return (user + system) / 1e6;
        },
        onProgress: (message: string) => progress.show(message),
      };
      try {
        for (const known of readCases(folder)) {
          const method = { without: new Set(options.without), paperRanking: options.paper === true };
          try {
            const result = await evaluateCase(known, options.source, tools, method, options.window);
            if ('missing' in result) missing.push(result.missing);
            else scores.push(result.score);
          } catch (error) {
            // One recording that cannot be read must not cost the other cases' scores.
            if (!(error instanceof TraceError)) throw error;
            missing.push(error.message);
          }
        }
      } finally {
        progress.clear();
      }
      for (const line of missing) process.stderr.write(`perfscope: ${line}; case left out\n`);
      if (scores.length === 0) {
        throw new InputError(
          `${folder}: no case to score; expected folders with case.json, profile-*, production.*`,
        );
      }
      const summary = summarize(scores);
      if (options.json !== '-') process.stdout.write(evaluationTable(scores, summary));
      if (options.json !== undefined) {
        writeOutput(options.json, `${JSON.stringify({ cases: scores, summary }, null, 2)}\n`);
      }
    });
}

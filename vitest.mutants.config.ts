import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import all from './vitest.config.ts';

const QUICK_FIRST = [
  'calls',
  'signatures',
  'inference',
  'cli/evaluation',
  'inference/infer.test.ts',
  'score',
];

/** The first test that fails ends a mutant: tests that go through whole recordings come last. */
class QuickTestsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) =>
      QUICK_FIRST.findLastIndex((part) => moduleId.includes(`/test/${part}`));
    return files.toSorted((a, b) => place(a) - place(b) || (a.moduleId < b.moduleId ? -1 : 1));
  }
}

/** The tests that hold the method, as Stryker runs them (stryker.config.json). */
export default defineConfig({
  test: {
    ...all.test,
    include: ['test/{calls,signatures,inference,cli/evaluation,score}/**/*.test.ts'],
    exclude: [
      // Runs the command in a process of its own, in which no mutant is switched on.
      'test/cli/evaluation/evaluate.test.ts',
      // Half a minute for each mutant that all others let live.
      'test/score/ideas.test.ts',
    ],
    isolate: false,
    sequence: { sequencer: QuickTestsFirst },
  },
});

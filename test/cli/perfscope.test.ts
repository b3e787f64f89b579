import { expect, it } from 'vitest';
import { perfscope } from './run-perfscope.ts';

it('explains itself to a stranger: the way from a profile to a suspect, and every command', async () => {
  const { exitCode, stdout, stderr } = await perfscope(['--help']);
  expect([exitCode, stderr]).toEqual([0, '']);
  for (const word of ['perf record', 'perfscope mine', 'perfscope infer', 'Exit codes']) {
    expect(stdout).toContain(word);
  }
});

it.each(['mine', 'infer', 'eval'])('shows an example in the help of %s', async (command) => {
  const { exitCode, stdout } = await perfscope([command, '--help']);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(new RegExp(`Examples?:[\\s\\S]*perfscope ${command} `));
});

it.each([
  ['no command', []],
  ['an unknown command', ['infre']],
  ['an unknown option', ['infer', 'x', '--signature', 'y']],
  ['a missing argument', ['infer']],
  ['a missing option', ['mine', 'profile', '--service', 'shop']],
  ['an unknown processor', ['infer', 'x', '--arch', 'vax']],
])('takes %s for wrong usage: exit code 2 and how it is meant', async (_, args) => {
  const { exitCode, stdout, stderr } = await perfscope(args);
  expect([exitCode, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/perfscope --help|Usage: perfscope/);
});

it('prints its version', async () => {
  expect(await perfscope(['--version'])).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
  });
});

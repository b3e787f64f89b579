import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Account } from './account.ts';
import { CALLS, FAULTS } from './fault.ts';
import { isExact, openMatrixAccount, patternsOf, runCells, sampledCells } from './matrix.ts';

describe('one report a trace and one notification, nothing lost, whatever happens to', () => {
  let account: Account;
  beforeAll(async () => {
    account = await openMatrixAccount();
  });
  afterAll(() => account.stop());

  it.each(CALLS)('%s', async (call) => {
    const broken = [];
    const cells = sampledCells().filter((cell) => cell.call === call);
    for await (const cell of runCells(account, cells))
      if (!cell.met || !isExact(cell.outcome)) broken.push(cell);
    expect(broken).toEqual([]);
    expect(cells).toHaveLength(FAULTS.length);
  });
});

it('every way in which events may come meets every call that it makes', () => {
  for (const call of CALLS)
    expect(
      new Set(
        sampledCells()
          .filter((cell) => cell.call === call)
          .map(({ pattern }) => pattern),
      ),
    ).toEqual(new Set(patternsOf(call)));
});

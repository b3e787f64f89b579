import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Account } from './account.ts';
import { CALLS } from './fault.ts';
import { isExact, openMatrixAccount, runMatrix } from './matrix.ts';

describe('one report a trace and one notification, whatever happens to', () => {
  let account: Account;
  beforeAll(async () => {
    account = await openMatrixAccount();
  });
  afterAll(() => account.stop());

  it.each(CALLS)('%s, however the events come', async (call) => {
    const broken = [];
    let cells = 0;
    for await (const cell of runMatrix(account, [call])) {
      cells += 1;
      if (!isExact(cell.outcome)) broken.push(cell);
    }
    expect(broken).toEqual([]);
    expect(cells).toBe(32);
  });
});

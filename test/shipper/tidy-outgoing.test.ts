import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lock } from '../../shipper/lock.ts';
import { markShipped, type Outgoing, outgoing, writeProgress } from '../../shipper/outgoing.ts';
import { forgetOldestTraces, tidyOutgoing } from '../../shipper/tidy-outgoing.ts';

const NOW = Date.UTC(2026, 10, 23);
const MINUTE = 60_000;
const SERVICE = `tidy-${process.pid}`;

describe('what lies in the spool', () => {
  let spool: string;
  const directories = () => ({ spool, state: spool });

  beforeEach(() => {
    spool = mkdtempSync(join(tmpdir(), 'perfscope-tidy-'));
  });
  afterEach(() => rmSync(spool, { recursive: true, force: true }));

  const since = (path: string, milliseconds: number) => {
    const at = new Date(NOW - milliseconds);
    utimesSync(path, at, at);
  };
  /** What a shipper leaves that is killed while it compresses. */
  const begun = (incident: string, age: number): Outgoing => {
    const item = outgoing(directories(), SERVICE, incident);
    mkdirSync(item.directory, { recursive: true });
    writeFileSync(join(item.directory, 'trace.dat.gz.part'), 'part');
    since(item.directory, age);
    return item;
  };
  const kept = (incident: string, age: number, bytes = 10): Outgoing => {
    const item = begun(incident, age);
    const file = join(item.directory, 'trace.dat.gz');
    writeFileSync(file, Buffer.alloc(bytes));
    const to = { bucket: 'b', key: 'k', contentType: 't', metadata: {} };
    writeProgress(item, { ...to, file: 'trace.dat.gz', uploadId: null, parts: [] });
    since(file, age);
    since(item.directory, age);
    return item;
  };
  const sent = (incident: string, age: number): Outgoing => {
    const item = kept(incident, age);
    markShipped(item, { bucket: 'b', key: 'k', bytes: 10 }, 'trace.dat.gz');
    since(join(item.directory, 'shipped.json'), age);
    return item;
  };
  const remain = (...items: Outgoing[]) => items.map(({ directory }) => existsSync(directory));

  it('goes when it never became a trace, unless somebody is at it', async () => {
    const [old, young, busy] = [
      begun('old', 61 * MINUTE),
      begun('young', 59 * MINUTE),
      begun('busy', 61 * MINUTE),
    ];
    const held = await lock(`incident/${SERVICE}/busy`);
    await tidyOutgoing(directories(), NOW);
    held.release();
    expect(remain(old, young, busy)).toEqual([false, true, true]);
  });

  it('goes a day after it was sent, and stays while it was not', async () => {
    const [old, young] = [sent('old', 24.1 * 60 * MINUTE), sent('young', 23.9 * 60 * MINUTE)];
    const unsent = kept('unsent', 1_000 * 60 * MINUTE);
    await tidyOutgoing(directories(), NOW);
    expect(remain(old, young, unsent)).toEqual([false, true, true]);
  });

  it('is no more than its limit, the oldest traces going first', async () => {
    const items = [kept('a', 3 * MINUTE), kept('b', 2 * MINUTE), kept('c', MINUTE)] as const;
    expect(await forgetOldestTraces(directories(), items[2], 20)).toEqual(['a']);
    expect(remain(...items)).toEqual([false, true, true]);
    expect(await forgetOldestTraces(directories(), items[2], 5)).toEqual(['b']);
    expect(remain(...items)).toEqual([false, false, true]);
  });
});

import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { forgetDrains, forgottenUntil, openSink } from '../../shipper/ring/drained-pages.ts';
import { oldestNeeded } from '../../shipper/tracefs/cut-ring.ts';

const PAGE_BYTES = 64;

describe('drained pages', () => {
  let folder: string;
  let directories: string[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'perfscope-drained-'));
    directories = [join(folder, 'disk'), join(folder, 'memory')];
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** One page whose first event is of this time. */
  const drain = (timeNs: bigint) => {
    const words = new Uint32Array(PAGE_BYTES / 4);
    words[0] = Number(timeNs & 0xffff_ffffn);
    words[1] = Number(timeNs >> 32n);
    const page = new Uint8Array(words.buffer);
    const sink = openSink(directories, timeNs + 1n);
    sink.append(0, page, page.subarray(0, 16));
    sink.close();
  };
  const drains = () => readdirSync(directories[0]!).map(Number);
  const forget = (neededNs: bigint, mostBytes = 1_000) =>
    forgetDrains(directories, neededNs, mostBytes, PAGE_BYTES);

  it('go when they are older than any window, and it is noted until when', () => {
    for (const time of [100n, 200n, 300n]) drain(time);
    forget(200n);
    expect(drains()).toEqual([201, 301]);
    expect(forgottenUntil(directories)).toBe(100n);
  });

  it('go when they take too much, the oldest first and never the newest', () => {
    for (const time of [100n, 200n, 300n]) drain(time);
    forget(0n, 2 * (PAGE_BYTES + 16));
    expect(drains()).toEqual([201, 301]);
    forget(0n, 0);
    expect(drains()).toEqual([301]);
    expect(forgottenUntil(directories)).toBe(200n);
  });

  it('are noted in memory, where a full disk does not matter', () => {
    drain(100n);
    forget(200n);
    expect(existsSync(join(directories[1]!, 'forgotten-until'))).toBe(true);
    expect(existsSync(join(directories[0]!, 'forgotten-until'))).toBe(false);
  });

  it('are needed as far back as the window that is asked for, however old the alarm', () => {
    const now = 10_000n * 1_000_000_000n;
    expect(oldestNeeded(now, { fromSeconds: 9_900 })).toBe(9_700n * 1_000_000_000n);
    expect(oldestNeeded(now, { fromSeconds: 9_500 })).toBe(9_500n * 1_000_000_000n);
    expect(oldestNeeded(now, { fromSeconds: -5 })).toBe(0n);
  });
});

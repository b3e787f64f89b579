import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Armed } from '../../shipper/armed.ts';
import { cutStraceFiles } from '../../shipper/strace/cut-files.ts';
import { newStraceFile, straceDirectory } from '../../shipper/strace/trace-files.ts';

const NOW = 1_800_000_000;

const ARMED: Armed = {
  schema: 'perfscope.armed/1',
  service: 'spool',
  build: null,
  node: 'node-1',
  bucket: null,
  recorder: 'strace',
  target: { kind: 'pid', pids: [1] },
  armedAtSeconds: 0,
  depthSeconds: 300,
  capBytes: 1024 ** 2,
  clockOffsets: [],
  threads: [],
};

describe('the window of a strace recording', () => {
  let directories: { spool: string; state: string };

  beforeEach(() => {
    const root = mkdtempSync(join(tmpdir(), 'perfscope-strace-'));
    directories = { spool: root, state: root };
    mkdirSync(straceDirectory(directories, 'spool'), { recursive: true });
  });
  afterEach(() => rmSync(directories.spool, { recursive: true, force: true }));

  const lines = (...seconds: number[]) =>
    writeFileSync(
      newStraceFile(straceDirectory(directories, 'spool'), (NOW + seconds[0]!) * 1000),
      seconds.map((at) => `7 ${(NOW + at).toFixed(6)} read(3) = 1 <0.000010>\n`).join(''),
    );

  /** The 90 s before `NOW`, cut by a clock that started at 1970. */
  async function cut() {
    const file = cutStraceFiles({
      directories,
      armed: ARMED,
      incident: 'alarm',
      alarmAt: null,
      requestedSeconds: 90,
      clock: { monotonicSeconds: NOW, realtimeSeconds: NOW },
      window: { fromSeconds: NOW - 90, toSeconds: NOW, warnings: [] },
    });
    let text = '';
    for await (const chunk of file.chunks()) text += chunk.toString();
    const times = [...text.matchAll(/^7 (\S+)/gm)].map(([, time]) => Number(time) - NOW);
    return { times, warnings: file.warnings };
  }

  it('holds its lines, of as many files as they lie in', async () => {
    lines(-200, -100, -80);
    lines(-50, -10, 5);
    expect(await cut()).toEqual({ times: [-80, -50, -10], warnings: [] });
  });

  it('reaches back to the last lines where the service stood still all the while', async () => {
    lines(-300, -250);
    lines(-200, -150, -120);
    lines(5, 6);
    const { times, warnings } = await cut();
    expect(times).toEqual([-200, -150, -120]);
    expect(warnings).toEqual([expect.stringContaining('no system call was made in the 120.0 s')]);
  });

  it('says how far back it reaches where recording began later', async () => {
    lines(-20, -10);
    const { times, warnings } = await cut();
    expect(times).toEqual([-20, -10]);
    expect(warnings).toEqual([expect.stringContaining('20.0 s before the window')]);
  });

  it('is refused where nothing was recorded up to its end', async () => {
    lines(5, 6);
    await expect(cut()).rejects.toThrow("is the alarm's time right");
  });
});

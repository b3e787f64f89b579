import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { roomIn, roomOn } from '../../shipper/ring/disk-reserve.ts';

const MEBIBYTE = 1024 ** 2;
const EXT4 = 0xef53;
const TMPFS = 0x0102_1994;

const room = (type: number, mebibytes: number, free: number) =>
  roomOn({ type, bsize: 4_096, blocks: mebibytes * 256, bavail: free * 256 }) / MEBIBYTE;

describe('room for drained pages', () => {
  it('leaves a twentieth of a disk free, at most 1 GiB', () => {
    expect(room(EXT4, 8_000, 500)).toBe(100);
    expect(room(EXT4, 8_000, 400)).toBe(0);
    expect(room(EXT4, 8_000, 10)).toBe(0);
    expect(room(EXT4, 1_000_000, 1_500)).toBe(1_500 - 1_024);
  });

  it('leaves half of memory free', () => {
    expect(room(TMPFS, 200, 190)).toBe(90);
    expect(room(TMPFS, 200, 100)).toBe(0);
  });

  it('is that of the nearest directory that exists', () => {
    const folder = mkdtempSync(join(tmpdir(), 'perfscope-room-'));
    try {
      // Others write to the same disk meanwhile.
      const there = roomOn(statfsSync(folder));
      expect(Math.abs(roomIn(join(folder, 'not', 'yet')) - there)).toBeLessThan(64 * MEBIBYTE);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

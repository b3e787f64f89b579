import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lineWriter, type TextFile } from '../../shipper/strace/line-writer.ts';
import { straceFiles } from '../../shipper/strace/trace-files.ts';

let directory: string;
let said: string[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'perfscope-lines-'));
  said = [];
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const writerTo = (openFile?: (path: string) => Promise<TextFile>) =>
  lineWriter({
    directory,
    mostBytes: 20 * 1024 * 1024,
    depthSeconds: 300,
    report: (line) => said.push(line),
    ...(openFile === undefined ? {} : { openFile }),
  });

const fails = (code: string) => Promise.reject(Object.assign(new Error(code), { code }));
const line = 'x'.repeat(1_023);
const written = () => straceFiles(directory).map(({ path }) => readFileSync(path, 'utf8'));

describe('the writer of strace’s lines', () => {
  it('writes every line once, in order', async () => {
    const writer = writerTo();
    const lines = Array.from({ length: 500 }, (_, i) => `${i}`);
    for (const each of lines) writer.write(each);
    await writer.close();
    expect(written().join('')).toBe(`${lines.join('\n')}\n`);
    expect(said).toEqual([]);
  });

  it('keeps files of bounded size, and no more of them than its share of the disk', async () => {
    let bytes = 0;
    const writer = writerTo(async (path) => ({
      append: async (text) => {
        appendFileSync(path, text);
        bytes += text.length;
      },
      close: async () => {},
    }));
    for (let mebibytes = 1; mebibytes <= 40; mebibytes++) {
      for (let i = 0; i < 1024; i++) writer.write(line);
      while (bytes < mebibytes * 1024 * 1024) await new Promise((resolve) => setImmediate(resolve));
    }
    await writer.close();
    const sizes = straceFiles(directory).map(({ path }) => statSync(path).size);
    expect(sizes.length).toBeGreaterThan(1);
    expect(Math.max(...sizes)).toBeLessThan(10 * 1024 * 1024);
    expect(sizes.reduce((a, b) => a + b)).toBeLessThan(30 * 1024 * 1024);
  });

  it.each(['EROFS', 'EIO', 'EACCES', 'ENOSPC'])(
    'drops lines on %s, says so once, and goes on when it is over',
    async (code) => {
      let isBroken = true;
      let text = '';
      const writer = writerTo(async () => ({
        append: async (more) => {
          if (isBroken) return fails(code);
          text += more;
        },
        close: async () => {},
      }));
      for (let i = 0; i < 200; i++) {
        writer.write(line);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await new Promise((resolve) => setTimeout(resolve, 600));
      expect(said).toEqual([expect.stringContaining(`could not write to ${directory} (${code})`)]);
      isBroken = false;
      writer.write('after');
      await writer.close();
      expect(text).toBe('\nafter\n');
      expect(said[1]).toContain('takes lines again; 200 were dropped');
      expect(writer.dropped).toBe(200);
    },
  );

  it('drops lines where the file cannot even be opened', async () => {
    const writer = writerTo(() => fails('EROFS'));
    writer.write(line);
    await writer.close();
    expect(writer.dropped).toBe(1);
    expect(said).toHaveLength(1);
  });

  it('neither waits for a disk that hangs nor fills the memory meanwhile', async () => {
    let release = () => {};
    const hangs = new Promise<void>((resolve) => {
      release = resolve;
    });
    let bytes = 0;
    const writer = writerTo(async () => ({
      append: async (text) => {
        await hangs;
        bytes += text.length;
      },
      close: async () => {},
    }));
    for (let i = 0; i < 20_000; i++) writer.write(line);
    expect(writer.dropped).toBeGreaterThan(15_000);
    expect(said).toEqual([expect.stringContaining('the disk does not keep up')]);
    release();
    await writer.close();
    expect(bytes).toBeLessThan(5 * 1024 * 1024);
    expect(writer.lines).toBe(20_000);
  });

  it('makes its directory again where somebody removed it', async () => {
    rmSync(directory, { recursive: true });
    const writer = writerTo();
    writer.write('one');
    await writer.close();
    expect(written()).toEqual(['one\n']);
  });
});

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { readTrace } from '../../trace/open-trace.ts';
import { ended, missingForRecording, nodeUnderTest, storage } from './node-under-test.ts';

/** Reads a byte, makes its heap larger 100 times, and reads another: by the numbers of 32-bit programs. */
const SOURCE = `
.globl _start
_start: call one_byte
        movl $100, %esi
larger: xorl %ebx, %ebx
        movl $45, %eax
        int $0x80
        leal 4096(%eax), %ebx
        movl $45, %eax
        int $0x80
        decl %esi
        jnz larger
        call one_byte
        movl $1, %eax
        int $0x80
one_byte:
        movl $3, %eax
        xorl %ebx, %ebx
        leal -64(%esp), %ecx
        movl $1, %edx
        int $0x80
        ret
`;

const folder = mkdtempSync(join(tmpdir(), 'perfscope-32-bit-'));
const file = join(folder, 'heap');

/** Null where the program is made and runs. */
function missingForProgram(): string | null {
  if (process.arch !== 'x64') return `32-bit programs of x86 run on x86_64, not on ${process.arch}`;
  writeFileSync(`${file}.s`, SOURCE);
  const isBuilt =
    spawnSync('as', ['--32', `${file}.s`, '-o', `${file}.o`]).status === 0 &&
    spawnSync('ld', ['-m', 'elf_i386', `${file}.o`, '-o', file]).status === 0;
  if (!isBuilt) return 'no assembler and linker for 32-bit programs';
  return spawnSync(file, { input: 'xx' }).status === 0 ? null : 'this kernel runs no 32-bit programs';
}

const missing = missingForRecording() ?? missingForProgram();
const SERVICE = `32-bit-${process.pid}`;

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

describe.skipIf(missing !== null)(
  `a 32-bit program${missing === null ? '' : ` (skipped: ${missing})`}`,
  () => {
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it('shows no address of its heap, although brk has the number of recvfrom', async () => {
      const s3 = await storage();
      const node = nodeUnderTest({ ...s3.environment, PERFSCOPE_BUCKET: s3.bucket });
      const program = spawn(file, { stdio: ['pipe', 'ignore', 'ignore'] });
      const finished = ended(program);
      const { pid } = program;
      try {
        const target = ['--service', SERVICE, '--pid', String(pid), '--measure', '0'];
        expect(await node.perfscope('record', ...target)).toMatchObject({ code: 0 });
        program.stdin.write('x');
        const heap = () =>
          / ?([0-9a-f]+)-([0-9a-f]+) .*\[heap\]/.exec(readFileSync(`/proc/${pid}/maps`, 'utf8'));
        const size = () => Number(`0x${heap()?.[2] ?? 0}`) - Number(`0x${heap()?.[1] ?? 0}`);
        while (size() < 100 * 4_096) await new Promise((resolve) => setTimeout(resolve, 10));
        const [from, to] = [Number(`0x${heap()![1]}`), Number(`0x${heap()![2]}`)];
        expect(to).toBeLessThan(2 ** 31);

        expect(await node.perfscope('ship', '--incident', 'heap')).toMatchObject({ code: 0 });
        const [key] = await s3.keys();
        const bytes = zstdDecompressSync(await s3.object(key!));
        const trace = await readTrace(once(bytes));
        const results = [...trace.result].filter(
          (_, row) => trace.callNames[trace.call[row]!] === 'recvfrom',
        );
        expect(results.length).toBe(200);
        expect(new Set(results)).toEqual(new Set([1]));
        let found = 0;
        for (let at = 0; at + 4 <= bytes.length; at += 4) {
          const word = bytes.readUInt32LE(at);
          if (word >= from && word <= to) found++;
        }
        expect(found).toBe(0);
      } finally {
        program.stdin.end();
        await finished;
        await node.close();
        await s3.close();
      }
    });
  },
);

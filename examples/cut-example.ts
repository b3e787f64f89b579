/**
 * Cuts a time span out of `perf script` text without stacks, so that an example stays small.
 *
 *   node examples/cut-example.ts IN.perf-script.gz FROM_SECONDS TO_SECONDS OUT.perf-script.gz
 *
 * Lines are kept or left as a whole, byte for byte.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGunzip, createGzip } from 'node:zlib';

const [input, from, to, output] = process.argv.slice(2);
if (input === undefined || output === undefined) {
  console.error('usage: node examples/cut-example.ts IN.perf-script.gz FROM_SECONDS TO_SECONDS OUT.perf-script.gz');
  process.exit(2);
}

const STAMP = / (\d+\.\d+): +\S+:sys_(?:enter|exit):| (\d+\.\d+): +sched:/;

async function* cut(path: string): AsyncIterable<string> {
  const lines = createInterface({ input: createReadStream(path).pipe(createGunzip()), crlfDelay: Number.POSITIVE_INFINITY });
  for await (const line of lines) {
    const match = STAMP.exec(line);
    const time = Number(match?.[1] ?? match?.[2] ?? Number.NaN);
    if (time >= Number(from) && time <= Number(to)) yield `${line}\n`;
  }
}

await pipeline(
  Readable.from(cut(input)),
  createGzip({ level: constants.Z_BEST_COMPRESSION }),
  createWriteStream(output),
);

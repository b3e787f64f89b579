/**
 * A process that does nothing but read one trace, each time that it is asked: as a warm Lambda function does, whose
 * code is compiled. It is a process of its own because the benchmark starts programs, and each start has the kernel
 * protect all of the starter's memory against writing, which is then paid for page by page.
 */
import { fork } from 'node:child_process';
import { readTraceFile } from '../trace/read-trace-file.ts';
import { ownCpuSeconds } from './cpu-time.ts';

export interface ReadingProcess {
  /** CPU seconds (user + system) of the process while it reads. */
  readonly cpuSeconds: () => Promise<number>;
  readonly stop: () => void;
}

export function startReading(file: string): ReadingProcess {
  const child = fork(import.meta.filename, [file]);
  return {
    cpuSeconds: () =>
      new Promise((resolve, reject) => {
        const failed = (code: number | null) => reject(new Error(`reading ${file}: exit code ${code}`));
        child.once('exit', failed);
        child.once('message', (seconds) => {
          child.off('exit', failed);
          resolve(Number(seconds));
        });
        child.send('read');
      }),
    stop: () => child.disconnect(),
  };
}

if (import.meta.main) {
  const [file = ''] = process.argv.slice(2);
  process.on('message', async () => {
    process.send?.(await ownCpuSeconds(() => readTraceFile(file)));
  });
}

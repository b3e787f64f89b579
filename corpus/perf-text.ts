import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { renameSync, rmSync } from 'node:fs';

const FIELDS = 'comm,pid,tid,cpu,time,event,trace';
/** With stacks asked for, perf prints the kernel's own address after events that have none. */
const WITHOUT_ADDRESS = String.raw`/:sys_exit:|:sched_switch:/ s/ +[0-9a-f]+ (\[unknown\]|\S+) \([^()]*\)$//`;

/** Turns a recording into perf script text, zstd-compressed, and removes the recording. */
export async function writePerfText(dataFile: string, textFile: string, stacks: boolean): Promise<void> {
  const part = `${textFile}.part`;
  const script = stacks
    ? `perf script -i "$1" --no-inline -F ${FIELDS},ip,sym,dso 2>"$1.said" | sed -E '${WITHOUT_ADDRESS}'`
    : `perf script -i "$1" -F ${FIELDS} 2>"$1.said"`;
  const shell = spawn(
    'bash',
    ['-o', 'pipefail', '-c', `${script} | zstd -q -f -11 -T1 --long=24 -o "$2"`, 'bash', dataFile, part],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const said: string[] = [];
  shell.stderr.on('data', (chunk: Buffer) => said.push(chunk.toString()));
  const [code] = (await once(shell, 'close')) as [number | null];
  if (code !== 0) throw new Error(`perf script of ${dataFile} failed with ${code}: ${said.join('').trim()}`);
  renameSync(part, textFile);
  for (const file of [dataFile, `${dataFile}.said`]) rmSync(file, { force: true });
}

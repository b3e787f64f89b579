import type { Switches } from '../../trace.ts';
import { advance, mergeCursors, nextRun } from './merge-cursors.ts';
import type { CpuLog } from './ring-log.ts';

/** The context switches of all CPUs in one table, by time; ties go to the lower CPU. */
export function mergeSwitches(logs: readonly CpuLog[], tids: readonly number[], startNs: number): Switches {
  const count = logs.reduce((sum, log) => sum + log.switches.reduce((n, chunk) => n + chunk.length, 0), 0);
  const time = new Float64Array(count);
  const cpu = new Uint16Array(count);
  const previous = new Int32Array(count);
  const next = new Int32Array(count);
  const runnable = new Uint8Array(count);
  const indexOf = new Map(tids.map((tid, index) => [tid, index]));
  let row = 0;
  const cursors = mergeCursors(logs.map((log) => ({ cpu: log.cpu, chunks: [...log.switches] })));
  while (nextRun(cursors)) {
    const { limit, yieldsTie } = cursors;
    const chunk = cursors.chunk[cursors.log]!;
    const currentCpu = logs[cursors.log]!.cpu;
    let i = cursors.position[cursors.log]!;
    for (; i < chunk.length; i++, row++) {
      const now = chunk.timeNs[i]!;
      if (now >= limit && (now > limit || yieldsTie)) break;
      time[row] = now - startNs;
      cpu[row] = currentCpu;
      previous[row] = indexOf.get(chunk.previousTid[i]!) ?? -1;
      next[row] = indexOf.get(chunk.nextTid[i]!) ?? -1;
      runnable[row] = chunk.runnable[i]!;
    }
    advance(cursors, i);
  }
  return { timeNs: time, cpu, previous, next, runnable };
}

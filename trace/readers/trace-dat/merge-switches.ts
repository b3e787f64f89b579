import type { Switches } from '../../trace.ts';
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
  for (const log of logs) {
    for (const chunk of log.switches) {
      for (let i = 0; i < chunk.length; i++, row++) {
        time[row] = chunk.timeNs[i]! - startNs;
        cpu[row] = log.cpu;
        previous[row] = indexOf.get(chunk.previousTid[i]!) ?? -1;
        next[row] = indexOf.get(chunk.nextTid[i]!) ?? -1;
        runnable[row] = chunk.runnable[i]!;
      }
    }
  }
  // Stable, and the rows stand in the order of the CPUs: ties stay there.
  const order = Uint32Array.from({ length: count }, (_, i) => i).sort((a, b) => time[a]! - time[b]! || a - b);
  return {
    timeNs: Float64Array.from(order, (i) => time[i]!),
    cpu: Uint16Array.from(order, (i) => cpu[i]!),
    previous: Int32Array.from(order, (i) => previous[i]!),
    next: Int32Array.from(order, (i) => next[i]!),
    runnable: Uint8Array.from(order, (i) => runnable[i]!),
  };
}

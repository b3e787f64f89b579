import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { readRings } from '../../trace/readers/trace-dat/read-rings.ts';
import { eventsOf } from './ring-events.ts';

/**
 * Counts the events of a trace.dat file per CPU and call number, by this project's reader and by trace-cmd.
 *
 * node test/trace/event-counts.ts FILE prints both and exits with 1 where they differ.
 */
export type EventCounts = Map<string, number>;

export async function countByReader(chunks: AsyncIterable<Uint8Array>): Promise<EventCounts> {
  const { rings } = await readRings(chunks);
  const counts: EventCounts = new Map();
  for (const ring of rings) {
    for (const { kind, call } of eventsOf(ring)) {
      if (kind !== 'switch') add(counts, ring.cpu, `sys_${kind}`, call);
    }
  }
  return counts;
}

const EVENT = /\[(\d+)\]\s+\d+\.\d+: (sys_enter|sys_exit):\s+NR (\d+)/;

export async function countByTraceCmd(file: string): Promise<EventCounts> {
  const report = spawn('trace-cmd', ['report', file], { stdio: ['ignore', 'pipe', 'ignore'] });
  const counts: EventCounts = new Map();
  for await (const line of createInterface({ input: report.stdout })) {
    const match = EVENT.exec(line);
    if (match !== null) add(counts, Number(match[1]), match[2]!, Number(match[3]));
  }
  return counts;
}

function add(counts: EventCounts, cpu: number, event: string, number: number): void {
  const key = `cpu ${cpu} ${event} NR ${number}`;
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

if (import.meta.main) {
  const { createReadStream } = await import('node:fs');
  const file = process.argv[2] ?? '';
  const [ours, theirs] = [await countByReader(createReadStream(file)), await countByTraceCmd(file)];
  const keys = [...new Set([...ours.keys(), ...theirs.keys()])].sort();
  for (const key of keys) {
    const same = ours.get(key) === theirs.get(key);
    console.log(
      `${same ? 'same  ' : 'DIFFER'} ${key}: ${ours.get(key) ?? 0}, trace-cmd ${theirs.get(key) ?? 0}`,
    );
    if (!same) process.exitCode = 1;
  }
}

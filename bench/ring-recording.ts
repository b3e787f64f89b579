import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Armed } from '../shipper/armed.ts';
import { readClockPair } from '../shipper/clock.ts';
import { armRing, disarmRing, ringStats } from '../shipper/tracefs/arm-ring.ts';
import { cutTrace, type TraceCut } from '../shipper/tracefs/cut-trace.ts';
import { drainRing } from '../shipper/tracefs/drain-ring.ts';
import { findTracefs, instancePath } from '../shipper/tracefs/tracefs.ts';

/** A tracefs ring of the recorder's own making around something that a benchmark does. */
export interface RingRecording {
  /** Takes out the pages and cuts the whole time since arming. */
  readonly finish: () => Promise<TraceCut>;
  readonly instance: string;
  readonly tracefs: string;
  readonly disarm: () => Promise<void>;
}

export const RING_PAGE_BYTES = 4096;

/** Why there is no ring here, or null. */
export function missingForRing(): string | null {
  if (process.getuid?.() !== 0) return 'tracefs takes root';
  return findTracefs() === null ? 'no tracefs at /sys/kernel/tracing' : null;
}

export function startRing(
  folder: string,
  service: string,
  pids: readonly number[],
  kilobytesPerCpu: number,
  contextSwitches: boolean,
): RingRecording {
  const tracefs = findTracefs()!;
  const armedAt = readClockPair();
  armRing(tracefs, service, pids, { kilobytesPerCpu, contextSwitches });
  const instance = instancePath(tracefs, service);
  return {
    instance,
    tracefs,
    finish: async () => {
      const directory = join(folder, `${service}.ring`);
      mkdirSync(directory, { recursive: true });
      const stats = ringStats(instance);
      const clock = readClockPair();
      drainRing({
        instance,
        pageBytes: RING_PAGE_BYTES,
        directories: [directory],
        marker: join(directory, 'draining'),
        untilNs: process.hrtime.bigint(),
      });
      const armed: Armed = {
        schema: 'perfscope.armed/1',
        service,
        build: null,
        node: 'bench',
        bucket: null,
        recorder: 'tracefs',
        target: { kind: 'pid', pids: [...pids] },
        armedAtSeconds: armedAt.monotonicSeconds,
        depthSeconds: 300,
        capBytes: kilobytesPerCpu * 1024,
        clockOffsets: [],
        threads: [],
      };
      return cutTrace({
        instance,
        tracefs,
        pageDirectories: [directory],
        armed,
        threads: [],
        stats,
        clock,
        window: {
          fromSeconds: armedAt.monotonicSeconds,
          toSeconds: clock.monotonicSeconds,
          warnings: [],
        },
        requestedSeconds: clock.monotonicSeconds - armedAt.monotonicSeconds,
        alarmAt: null,
        incident: null,
        warnings: [],
      });
    },
    disarm: async () => {
      await disarmRing(tracefs, service);
    },
  };
}

export function writeCut(cut: TraceCut, file: string): void {
  writeFileSync(file, Buffer.concat([...cut.chunks()].map((chunk) => Buffer.from(chunk))));
}

import * as z from 'zod';

/**
 * What a ring of events forgets, and what the shipper therefore sends with it: who recorded what, when, on which
 * node, by which clock, what was lost, and which threads there were. It travels inside the trace.dat file, as an
 * option that other readers of the format skip.
 */

/** Option id of the recording in a trace.dat file: above all ids that trace-cmd uses ("PS"). */
export const RECORDING_OPTION = 0x5053;

/** Some 100,000 threads; pid_max is seldom raised above. */
export const MAX_RECORDING_BYTES = 32 * 1024 * 1024;

const seconds = z.number();

export const recordedThreadSchema = z.object({
  tid: z.int(),
  tgid: z.int(),
  comm: z.string(),
  /** Name of the program's file, without its path. */
  exe: z.string(),
  /** Thread ids in the PID namespaces, from the node's own inwards. */
  nsPid: z.array(z.int()),
  cgroup: z.string(),
  startSeconds: seconds,
});
export type RecordedThread = z.infer<typeof recordedThreadSchema>;

const recordingSchema = z.object({
  schema: z.literal('perfscope.recording/1'),
  service: z.string(),
  build: z.string().nullable(),
  node: z.string(),
  incident: z.string().nullable(),
  recorder: z.object({ name: z.enum(['tracefs', 'strace']), version: z.string() }),
  architecture: z.enum(['x86_64', 'arm64']),
  kernel: z.string(),
  /** The same moment by both clocks: lines up nodes, and the trace with logs. */
  clock: z.object({ name: z.string(), monotonicSeconds: seconds, realtimeSeconds: seconds }),
  /** Times are of the trace's own clock. */
  window: z.object({
    startSeconds: seconds,
    endSeconds: seconds,
    /** From where on no CPU's ring had been overwritten. */
    coveredFromSeconds: seconds,
    requestedSeconds: z.number(),
    /** The alarm's own time as it was given. */
    alarmAt: z.string().nullable(),
  }),
  cpus: z.array(
    z.object({
      cpu: z.int(),
      entries: z.number(),
      overrun: z.number(),
      commitOverrun: z.number(),
      droppedEvents: z.number(),
      readEvents: z.number(),
      oldestEventSeconds: z.number().nullable(),
    }),
  ),
  threads: z.array(recordedThreadSchema),
  warnings: z.array(z.string()),
});

export type Recording = z.infer<typeof recordingSchema>;

/** Returns null where the text is no recording of a version that this reader knows. */
export function parseRecording(text: string): Recording | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const parsed = recordingSchema.safeParse(value);
  return parsed.success ? parsed.data : null;
}

import type { CallColumns } from './call-columns.ts';
import { sealColumns } from './call-columns.ts';
import { TraceError } from './errors.ts';
import { PERF_RECORD_COMMAND, STRACE_COMMAND } from './readers/recording-commands.ts';
import type { Architecture, Loss, Skip, StackTable, Switches, Thread, Trace, TraceFormat } from './trace.ts';

export interface TraceParts {
  readonly format: TraceFormat;
  readonly architecture: Architecture;
  readonly columns: CallColumns;
  readonly callNames: readonly string[];
  readonly threads: readonly Thread[];
  readonly switches: Switches | null;
  readonly stacks: StackTable | null;
  readonly losses: readonly Loss[];
  readonly skips: readonly Skip[];
  /** Where the columns' time zero lies in the trace's own clock. */
  readonly zeroSeconds: number;
  /** The first and the last event's time, whatever its kind. */
  readonly firstNs: number;
  readonly lastNs: number;
}

/** Seals what a reader filled into a trace whose times count from its first event. */
export function assembleTrace(parts: TraceParts): Trace {
  const { columns, firstNs } = parts;
  if (columns.length === 0) {
    throw new TraceError(
      `${parts.format} text without a system call: expected events of \`${PERF_RECORD_COMMAND}\`` +
        ` or the output of \`${STRACE_COMMAND}\``,
    );
  }
  sealColumns(columns);
  if (firstNs !== 0) {
    for (let row = 0; row < columns.length; row++) columns.enterNs[row]! -= firstNs;
    if (parts.switches !== null) shift(parts.switches.timeNs, firstNs);
  }
  const { capacity: _, ...calls } = columns;
  return {
    format: parts.format,
    architecture: parts.architecture,
    ...calls,
    callNames: parts.callNames,
    threads: parts.threads,
    switches: parts.switches,
    stacks: parts.stacks,
    losses: parts.losses.map((loss) => ({
      ...loss,
      timeNs: loss.timeNs === null ? null : loss.timeNs - firstNs,
    })),
    skips: parts.skips,
    window: {
      startSeconds: parts.zeroSeconds + firstNs / 1e9,
      endNs: parts.lastNs - firstNs,
      coveredFromNs: 0,
    },
  };
}

function shift(timesNs: Float64Array, byNs: number): void {
  for (let row = 0; row < timesNs.length; row++) timesNs[row]! -= byNs;
}

import { TraceError } from '../errors.ts';
import { pairingSkips } from '../pairing-skips.ts';
import type { RecordedThread, Recording } from '../recording.ts';
import type { Architecture, Loss, ReadOptions, Skip, Thread, Trace } from '../trace.ts';
import { EndOfInput } from './trace-dat/byte-cursor.ts';
import type { TraceDatHeader } from './trace-dat/header.ts';
import { UnknownLayout } from './trace-dat/page-layout.ts';
import { type PairedCalls, pairCalls } from './trace-dat/pair-calls.ts';
import { type RingContents, readRings } from './trace-dat/read-rings.ts';
import type { PageTally } from './trace-dat/ring-page.ts';
import type { Ring } from './trace-dat/ring-records.ts';

/**
 * Reads trace.dat of version 6: the kernel's own ring pages, and the descriptions needed to read them. Written by
 * `perfscope ship`, by `trace-cmd record --file-version 6 -e raw_syscalls`, by `trace-cmd restore`.
 * Format: man 5 trace-cmd.dat.v6 (https://git.kernel.org/pub/scm/utils/trace-cmd/trace-cmd.git), for the pages
 * kernel/trace/ring_buffer.c.
 */

const RECORD_TRACE_DAT = 'trace-cmd record --file-version 6 -e raw_syscalls -C mono -P PID';

export async function readTraceDat(
  chunks: AsyncIterable<Uint8Array>,
  options: ReadOptions = {},
): Promise<Trace> {
  try {
    return assemble(await readRings(chunks), options);
  } catch (error) {
    if (error instanceof UnknownLayout) {
      throw new TraceError(
        `expected a trace.dat file of raw_syscalls events, but ${error.message}. Record one by «${RECORD_TRACE_DAT}» or «perfscope ship».`,
        { cause: error },
      );
    }
    if (error instanceof EndOfInput) {
      throw new TraceError(
        `expected a whole trace.dat file, but ${error.message}, before any event. Copy or record it again («${RECORD_TRACE_DAT}»).`,
        { cause: error },
      );
    }
    throw error;
  }
}

function assemble(contents: RingContents, options: ReadOptions): Trace {
  const { header, tally, origin } = contents;
  const rings = contents.rings.toSorted((a, b) => a.cpu - b.cpu);
  const seen = rings.filter((ring) => !Number.isNaN(ring.firstNs));
  if (origin === null || rings.every((ring) => ring.enters + ring.exits === 0)) {
    throw new TraceError(
      `expected raw_syscalls events in the trace.dat file, but found ${tally.otherEvents} events of other kinds and no system call. Record them by «${RECORD_TRACE_DAT}».`,
    );
  }
  const { recording } = header;
  const originSeconds = origin.high * (2 ** 32 / 1e9) + origin.low / 1e9;
  const firstNs = Math.min(...seen.map((ring) => ring.firstNs));
  const lastNs = Math.max(...seen.map((ring) => ring.lastNs));
  const recorded = recording === null ? null : recordedWindow(recording, originSeconds);
  // A silent node is silent from the window's start to its end: the recorder's bounds count, not the events'.
  const startNs = Math.min(firstNs, recorded?.startNs ?? firstNs);
  const endNs = Math.max(lastNs, recorded?.endNs ?? lastNs);
  const coveredFromNs = recorded?.coveredFromNs ?? coveredFrom(header, seen, firstNs);

  const architecture = architectureOf(header, options);
  const recordedThreads = new Map(recording?.threads.map((thread) => [thread.tid, thread]));
  const processOf = (tid: number) => recordedThreads.get(tid)?.tgid ?? tid;
  const calls = pairCalls(rings, tally.losses, startNs, architecture, processOf);
  return {
    format: 'trace.dat',
    architecture,
    length: calls.length,
    ...calls.columns,
    callNames: calls.callNames,
    threads: threadTable(calls.tids, header, recordedThreads),
    switches: calls.switches,
    stacks: null,
    losses: lossTable(tally, recording, startNs),
    skips: skipTable(contents, calls),
    window: {
      startSeconds: originSeconds + startNs / 1e9,
      endNs: endNs - startNs,
      coveredFromNs: Math.max(0, coveredFromNs - startNs),
    },
    recording,
  };
}

function recordedWindow(recording: Recording, originSeconds: number) {
  const { startSeconds, endSeconds, coveredFromSeconds } = recording.window;
  const ns = (seconds: number) => Math.round((seconds - originSeconds) * 1e9);
  return { startNs: ns(startSeconds), endNs: ns(endSeconds), coveredFromNs: ns(coveredFromSeconds) };
}

/** Where the latest of the CPUs starts whose ring was overwritten; the others have lost nothing. */
function coveredFrom(header: TraceDatHeader, rings: readonly Ring[], firstNs: number): number {
  const overwritten = new Set<number>();
  for (const stat of header.cpuStats.matchAll(/CPU: (\d+)\s+entries: \d+\s+overrun: (\d+)/g)) {
    if (stat[2] !== '0') overwritten.add(Number(stat[1]));
  }
  return Math.max(firstNs, ...rings.filter((ring) => overwritten.has(ring.cpu)).map((ring) => ring.firstNs));
}

function architectureOf(header: TraceDatHeader, options: ReadOptions): Architecture {
  if (header.recording !== null) return header.recording.architecture;
  if (header.uname?.endsWith('aarch64')) return 'arm64';
  if (header.uname?.endsWith('x86_64')) return 'x86_64';
  return options.architecture ?? 'x86_64';
}

function threadTable(
  tids: readonly number[],
  header: TraceDatHeader,
  recorded: ReadonlyMap<number, RecordedThread>,
): Thread[] {
  return tids.map((tid) => {
    const known = recorded.get(tid);
    return { pid: known?.tgid ?? tid, tid, comm: known?.comm ?? header.comms.get(tid) ?? '' };
  });
}

function lossTable(tally: PageTally, recording: Recording | null, startNs: number): Loss[] {
  const losses = tally.losses
    .filter((loss) => loss.timeNs !== null)
    .map((loss) => ({ cpu: loss.cpu, timeNs: loss.timeNs! - startNs, events: loss.events ?? 1 }));
  const dropped = (recording?.cpus ?? [])
    .map(({ cpu, commitOverrun, droppedEvents }) => ({
      cpu,
      timeNs: null,
      events: commitOverrun + droppedEvents,
    }))
    .filter(({ events }) => events > 0);
  return [...losses, ...dropped];
}

const { beforeWindow, lostEnter, lostReturn } = pairingSkips(
  'Record with a larger ring, or read it before it is overwritten.',
);

function skipTable({ header, tally, endedAt }: RingContents, calls: PairedCalls): Skip[] {
  const rows: Skip[] = [
    { ...beforeWindow, count: calls.returnsFromBefore, firstAt: null },
    {
      reason: 'events that are neither system calls nor context switches',
      severity: 'info',
      count: tally.otherEvents,
      remedy: '',
      firstAt: null,
    },
    { ...lostEnter, count: calls.lostEnters, firstAt: null },
    { ...lostReturn, count: calls.lostReturns, firstAt: null },
    {
      reason: 'ring pages that are damaged: what follows on the page was left out',
      severity: 'error',
      count: tally.brokenPages,
      remedy: 'Copy the file again from the node; if it stays so, record again.',
      firstAt: null,
    },
    {
      reason: 'events with a time before the one before them on the same CPU: moved to that time',
      severity: 'notice',
      count: tally.backwards,
      remedy: 'Record with trace_clock mono, which does not step.',
      firstAt: null,
    },
    {
      reason: 'end of the file before the end of its rings',
      severity: 'loss',
      count: endedAt === null ? 0 : 1,
      remedy: 'Copy the file again from the node.',
      firstAt: endedAt,
    },
    {
      reason:
        'description of the recording that this version cannot read: threads have no process, clocks no date',
      severity: 'notice',
      count: header.unknownRecording ? 1 : 0,
      remedy: 'Read the trace with the version of perfscope that shipped it, or a newer one.',
      firstAt: null,
    },
  ];
  return rows.filter((row) => row.count > 0);
}

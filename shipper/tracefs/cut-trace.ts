import { readFileSync } from 'node:fs';
import { arch, release, type } from 'node:os';
import { join } from 'node:path';
import { parseEventFormat } from '../../trace/readers/trace-dat/event-format.ts';
import { type PageLayout, pageLayout } from '../../trace/readers/trace-dat/page-layout.ts';
import type { Origin } from '../../trace/readers/trace-dat/ring-page.ts';
import type { RecordedThread, Recording } from '../../trace/recording.ts';
import type { Architecture } from '../../trace/trace.ts';
import type { Armed } from '../armed.ts';
import { type ClockPair, clockOffset, type WantedWindow } from '../clock.ts';
import { ShipperError } from '../errors.ts';
import {
  type CpuCut,
  type CpuPages,
  type CutWindow,
  coveredFrom,
  cutCpu,
  cutPages,
  indexPages,
} from '../ring/cut-window.ts';
import { forgottenUntil } from '../ring/drained-pages.ts';
import { lastEventNs } from '../ring/last-event.ts';
import { type CallPrivacy, callPrivacy } from '../ring/privacy.ts';
import { traceDatHead } from '../trace-dat-file.ts';
import { SHIPPER_VERSION } from '../version.ts';
import type { CpuStats } from './cpu-stats.ts';
import { headerPage } from './header-page.ts';
import { readKnob } from './tracefs.ts';

/** What `cutTrace` needs beside the drained pages. */
export interface CutInput {
  readonly instance: string;
  readonly tracefs: string;
  readonly pageDirectories: readonly string[];
  readonly armed: Armed;
  readonly threads: readonly RecordedThread[];
  readonly stats: readonly { readonly cpu: number; readonly text: string; readonly stats: CpuStats }[];
  readonly clock: ClockPair;
  readonly window: WantedWindow;
  readonly requestedSeconds: number;
  readonly alarmAt: string | null;
  readonly incident: string | null;
  readonly warnings: readonly string[];
}

export interface TraceCut {
  readonly recording: Recording;
  /** The trace.dat file, some at a time; may be read again from its start. */
  readonly chunks: () => Generator<Buffer>;
}

function machineArchitecture(): Architecture {
  const name = arch();
  if (name === 'x64') return 'x86_64';
  if (name === 'arm64') return 'arm64';
  throw new ShipperError(
    `expected an x86_64 or arm64 machine, found ${name}: its call numbers are not known here`,
  );
}

/** A window that is shorter by less is as good as whole. */
const SHORT_NS = 1e9;

function seconds(ns: number): string {
  return (ns / 1e9).toFixed(1);
}

/** Cuts the window out of the drained pages. Pure but for reading files: the ring itself is not touched. */
export function cutTrace(input: CutInput): TraceCut {
  const { armed, clock, window } = input;
  const formats = eventFormats(input.tracefs);
  const header = headerPage(input.tracefs, input.instance);
  const layout = pageLayout(
    header,
    [...formats.values()].flat().flatMap((text) => parseEventFormat(text) ?? []),
  );
  const architecture = machineArchitecture();
  const privacy = callPrivacy(architecture);
  const origin = originAt(window.fromSeconds);
  const originSeconds = (origin.high * 2 ** 32 + origin.low) / 1e9;
  const toNs = (seconds: number) => Math.round((seconds - originSeconds) * 1e9);

  const wanted = { fromNs: toNs(window.fromSeconds), toNs: toNs(window.toSeconds) };
  const cpus = input.stats.map(({ cpu }) => indexPages(input.pageDirectories, cpu, layout.pageBytes, origin));
  // Rings do not start together: before the latest start, calls of that CPU would seem to be missing.
  const starts = cpus.flatMap((pages) => coveredFrom(pages, wanted) ?? []);
  starts.push(toNs(Number(forgottenUntil(input.pageDirectories)) / 1e9));
  const earliestNs = Math.max(toNs(armed.armedAtSeconds), ...starts);
  const why = starts.some((start) => start === earliestNs)
    ? 'the ring was too small for the load; give it more memory (perfscope record --memory)'
    : 'recording began only then';
  const timeOfDay = (ns: number) =>
    new Date((originSeconds + ns / 1e9 + clockOffset(clock)) * 1000).toISOString();
  if (earliestNs >= wanted.toNs) {
    throw new ShipperError(
      `expected the recording of ${armed.service} to cover the time before ${timeOfDay(wanted.toNs)}, but it reaches back only to ${timeOfDay(earliestNs)}: is the alarm's time right (--at)? If it is: ${why}`,
    );
  }
  const page = { layout, privacy, origin };
  const { cut, cuts, askedFromNs, silence } = cutWithCalls(cpus, wanted, earliestNs, page);
  if (isEmpty(cuts)) {
    // Nobody could read anything in it, and the right trace could not be sent under this incident any more.
    throw new ShipperError(
      `expected system calls of ${armed.service} between ${timeOfDay(cut.fromNs)} and ${timeOfDay(cut.toNs)}, found none: is the alarm's time right (--at)? If it is, the service has stood still since recording began${input.warnings.map((warning) => `; ${warning}`).join('')}`,
    );
  }

  const warnings = [...window.warnings, ...silence, ...input.warnings];
  if (cut.fromNs - askedFromNs > SHORT_NS) {
    warnings.push(
      `the trace reaches back ${seconds(cut.toNs - cut.fromNs)} s before the window's end instead of ${seconds(cut.toNs - askedFromNs)} s: ${why}`,
    );
  }
  const recording: Recording = {
    schema: 'perfscope.recording/1',
    service: armed.service,
    build: armed.build,
    node: armed.node,
    incident: input.incident,
    recorder: { name: 'tracefs', version: SHIPPER_VERSION },
    architecture,
    kernel: `${type()} ${release()}`,
    clock: { name: 'mono', ...clock },
    window: {
      startSeconds: originSeconds + cut.fromNs / 1e9,
      endSeconds: originSeconds + cut.toNs / 1e9,
      coveredFromSeconds: originSeconds + cut.fromNs / 1e9,
      requestedSeconds: input.requestedSeconds,
      alarmAt: input.alarmAt,
    },
    cpus: input.stats.map(({ cpu, stats }) => ({
      cpu,
      entries: stats.entries,
      overrun: stats.overrun,
      commitOverrun: stats.commitOverrun,
      droppedEvents: stats.droppedEvents,
      readEvents: stats.readEvents,
      oldestEventSeconds: stats.oldestEventSeconds,
    })),
    threads: [...input.threads],
    warnings,
  };
  const cpuCount = Math.max(...cpus.map(({ cpu }) => cpu)) + 1;
  const cpuBytes = new Array<number>(cpuCount).fill(0);
  for (const { pages, first, end } of cuts) cpuBytes[pages.cpu] = (end - first) * layout.pageBytes;
  const head = traceDatHead({
    headerPage: header,
    headerEvent: readFileSync(join(input.tracefs, 'events/header_event'), 'utf8'),
    formats,
    traceClock: readKnob(input.instance, 'trace_clock'),
    uname: `Linux ${armed.node} ${release()} ${architecture === 'arm64' ? 'aarch64' : 'x86_64'}`,
    cpuStats: input.stats.map(({ text }) => text),
    recording,
    pageBytes: layout.pageBytes,
    cpuBytes,
  });
  return {
    recording,
    *chunks() {
      yield head;
      for (const cpuCut of cuts) yield* cutPages(cpuCut, cut, layout, privacy, origin);
    },
  };
}

interface PageContext {
  readonly layout: PageLayout;
  readonly privacy: CallPrivacy;
  readonly origin: Origin;
}

/**
 * Cuts the window out of each CPU's pages. Where the service stood still all the while, what it stands in and what it
 * did before lie further back: then the window begins as long before the last event as it was asked to be.
 */
function cutWithCalls(
  cpus: readonly CpuPages[],
  wanted: CutWindow,
  earliestNs: number,
  { layout, privacy, origin }: PageContext,
) {
  const cutFrom = (askedFromNs: number, silence: readonly string[]) => {
    const cut = { fromNs: Math.max(askedFromNs, earliestNs), toNs: wanted.toNs };
    const cuts = cpus.map((pages) => cutCpu(pages, cut, layout, privacy, origin));
    return { cut, cuts, askedFromNs, silence };
  };
  const asked = cutFrom(wanted.fromNs, []);
  if (!isEmpty(asked.cuts)) return asked;
  const ends = cpus.flatMap((pages) => lastEventNs(pages, asked.cut.fromNs, layout, origin) ?? []);
  const lastNs = Math.max(earliestNs, ...ends);
  return cutFrom(lastNs - (wanted.toNs - wanted.fromNs), [
    `no system call was made in the ${seconds(wanted.toNs - lastNs)} s before the window's end: it reaches further back than asked, to what was done before the last one`,
  ]);
}

function isEmpty(cuts: readonly CpuCut[]): boolean {
  return cuts.every(({ first, end }) => first === end);
}

function eventFormats(tracefs: string): Map<string, string[]> {
  const format = (event: string) => readFileSync(join(tracefs, 'events', event, 'format'), 'utf8');
  return new Map([
    ['raw_syscalls', [format('raw_syscalls/sys_enter'), format('raw_syscalls/sys_exit')]],
    ['sched', [format('sched/sched_switch')]],
  ]);
}

function originAt(seconds: number): Origin {
  const ns = BigInt(Math.max(0, Math.floor(seconds))) * 1_000_000_000n;
  return { low: Number(ns & 0xffff_ffffn), high: Number(ns >> 32n) };
}

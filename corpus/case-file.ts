import type { WindowName } from './case-windows.ts';
import type { ClientView } from './clients.ts';
import type { BugKind, Verdict } from './recipe.ts';

export type NoticedBy = 'clients' | 'operators' | 'nobody';

/**
 * A case's case.json: the fields of the cases with known answers (`perfscope eval` reads them), and what the maker
 * knows beyond them. Times are seconds of the production trace's own clock.
 */
export interface CaseFile {
  readonly id: string;
  readonly class: 'bug' | 'blameless' | 'healthy';
  readonly system: string;
  readonly language: string;
  readonly version: string;
  readonly fix: 'mutation' | 'none';
  readonly summary: string;
  readonly kinds: readonly Verdict[];
  readonly truth: { readonly primary: readonly string[]; readonly related: readonly string[] };
  readonly primaryMakesCalls: boolean;
  /** When the bug was switched on or the fault began; null where nothing is wrong. */
  readonly anomalyStart: number | null;
  /** When recording began and ended: a server that has fallen silent makes no last call to tell it by. */
  readonly recording: { readonly start: number; readonly end: number };
  /** Load average of the machine when recording ended: others may have crowded it. */
  readonly machineLoad: number;
  /** False: nobody notices the mutation; it is counted and not scored. */
  readonly scored: boolean;
  readonly noticedBy: NoticedBy | null;
  readonly captureNotes: string;
  readonly bug?: BugRecord;
  readonly fault?: string;
  /** Load and steps of the window, in words of the recipe. */
  readonly window?: unknown;
}

export interface BugRecord {
  readonly k: number;
  readonly kind: BugKind;
  readonly file: string;
  /** Quota that was set when the calls flooded: share of one CPU, and when. */
  readonly quota: { readonly share: number; readonly at: number } | null;
  readonly load: OperatorView;
  readonly clients: ClientView;
  /** Set where what clients noticed was measured in a run of its own, without quota and recorder: its times. */
  readonly apart: ClientSpan | null;
  /** Calls in each of the windows in which the case is looked at. */
  readonly windowCalls: Readonly<Record<WindowName, number>>;
  readonly truthCallsPerSecond: number;
  readonly truthShareUnderPrimary: number;
  readonly normalShareUnderPrimary: number;
  readonly normalCallsPerSecondUnderPrimary: number;
  readonly truthTopStacks: readonly (readonly [string, number])[];
}

/** Times of a client log: from, when the switch was thrown, to; seconds of CLOCK_MONOTONIC. */
export interface ClientSpan {
  readonly from: number;
  readonly change: number;
  readonly to: number;
}

/** What somebody sees who watches the machine: before and after the change. */
export interface OperatorView {
  readonly cpuShare: readonly [number, number];
  readonly callsPerSecond: readonly [number, number];
  readonly openDescriptors: readonly [number, number];
  readonly alive: boolean;
}

const RISE = 3;
/** Below one per cent of a CPU nobody looks. */
const LEAST_CPU_SHARE = 0.01;
const LEAST_CALLS_PER_SECOND = 300;
const LEAKED_DESCRIPTORS = 15;

/** Clients notice first; operators notice three times the CPU or the calls, a leak, or a server that has ended. */
export function noticedBy(
  clients: ClientView,
  { cpuShare, callsPerSecond, openDescriptors, alive }: OperatorView,
): NoticedBy {
  if (clients.clientsNotice) return 'clients';
  const cpuRises = cpuShare[1] > Math.max(RISE * cpuShare[0], cpuShare[0] + LEAST_CPU_SHARE);
  const callsRise =
    callsPerSecond[1] > Math.max(RISE * callsPerSecond[0], callsPerSecond[0] + LEAST_CALLS_PER_SECOND);
  const leaks = openDescriptors[1] > openDescriptors[0] + LEAKED_DESCRIPTORS;
  return cpuRises || callsRise || leaks || !alive ? 'operators' : 'nobody';
}

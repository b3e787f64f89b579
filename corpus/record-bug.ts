import { copyFileSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TraceError } from '../trace/errors.ts';
import { readTraceFile } from '../trace/read-trace-file.ts';
import type { Trace } from '../trace/trace.ts';
import { type BugRecord, type CaseFile, type ClientSpan, noticedBy, type OperatorView } from './case-file.ts';
import { callsByWindow } from './case-windows.ts';
import { type ClientView, clientView, readClientLog } from './clients.ts';
import { monotonicSeconds } from './clock.ts';
import { DEFAULT_CALLS_PER_SECOND, guardAgainstFlood } from './flood-guard.ts';
import { startRecorder } from './perf-recorder.ts';
import { writePerfText } from './perf-text.ts';
import type { Bug, LoadCommand } from './recipe.ts';
import type { ServerRun } from './server-run.ts';
import { NO_CALLS, relatedFunctions, type StackShares, stackShares } from './truth.ts';
import type { Workshop } from './workshop.ts';

const SETTLING_SECONDS = 3;
const NORMAL_SECONDS = 20;
const BUG_SECONDS = 22;
const TRUTH_SECONDS = 4;
/** With fewer calls under the primary function the truth is recorded once more from the switch on. */
const FEWEST_UNDER_PRIMARY = 20;
/** Of the client run without quota and recorder. */
const APART_NORMAL_SECONDS = 8;
const APART_BUG_SECONDS = 14;
const FIRST_SEED = 100;
/** Bytes a call takes with a piece of stack: what `callGraph` says, else a chain of addresses. */
const CHAIN_BYTES = 800;

export interface BugCase {
  readonly file: CaseFile;
  readonly commands: readonly (readonly string[])[];
}

/** Records a bug's production trace and its truth into `folder`. */
export async function recordBug(workshop: Workshop, bug: Bug, folder: string): Promise<BugCase> {
  const { recipe } = workshop;
  const label = `bug-${bug.id}`;
  const load: LoadCommand = { ...recipe.production, ...bug.load };
  const production = await recordProduction(workshop, bug, load, folder, label);
  const apart = production.quota === null ? null : await clientsApart(workshop, bug, load, folder, label);
  const clients = apart?.clients ?? production.clients;
  const normal = stackShares(await workshop.normalProfile(), bug.primary, recipe.stacks);
  let truth = production.truth;
  if (bug.primaryMakesCalls && truth.underPrimary < FEWEST_UNDER_PRIMARY) {
    const again = await recordTruthFromSwitch(workshop, bug, load, folder, label);
    if (again !== null) truth = again;
  }
  const noticed = noticedBy(clients, production.operators);
  const file: CaseFile = {
    id: `${recipe.name}-${bug.id}`,
    class: 'bug',
    system: recipe.system,
    language: recipe.language,
    version: `${recipe.version}, ${recipe.buildNotes}`,
    fix: 'mutation',
    summary: bug.summary,
    kinds: bug.kinds,
    truth: { primary: bug.primary, related: relatedFunctions(truth, normal, bug.primary, bug.related) },
    primaryMakesCalls: bug.primaryMakesCalls && truth.underPrimary > 0,
    anomalyStart: milliseconds(production.switchedAt),
    recording: { start: milliseconds(production.start), end: milliseconds(production.end) },
    machineLoad: tenth(production.machineLoad),
    scored: noticed !== 'nobody',
    noticedBy: noticed,
    captureNotes: notes(workshop, bug, production.quota),
    bug: {
      k: bug.k,
      kind: bug.kind,
      file: bug.file,
      quota: production.quota,
      load: production.operators,
      clients,
      apart: apart?.span ?? null,
      windowCalls: production.windowCalls,
      truthCallsPerSecond: tenth(truth.calls / truth.seconds),
      truthShareUnderPrimary: share(truth),
      normalShareUnderPrimary: share(normal),
      normalCallsPerSecondUnderPrimary: tenth(normal.underPrimary / normal.seconds),
      truthTopStacks: truth.topStacks,
    },
    window: { load },
  };
  return { file, commands: production.commands };
}

interface Production {
  readonly start: number;
  readonly switchedAt: number;
  readonly end: number;
  readonly machineLoad: number;
  readonly quota: { readonly share: number; readonly at: number } | null;
  readonly operators: OperatorView;
  readonly clients: ClientView;
  readonly truth: StackShares;
  readonly windowCalls: BugRecord['windowCalls'];
  readonly commands: readonly (readonly string[])[];
}

async function recordProduction(
  workshop: Workshop,
  bug: Bug,
  load: LoadCommand,
  folder: string,
  label: string,
): Promise<Production> {
  const { recipe } = workshop;
  const limit = recipe.callsPerSecondLimit ?? DEFAULT_CALLS_PER_SECOND;
  const run = await workshop.open(label, FIRST_SEED + bug.k, load);
  try {
    await run.start();
    await sleep(SETTLING_SECONDS * 1000);
    const recorder = await startRecorder(run.cgroup.name, workshop.dataFile(label), null);
    const guard = guardAgainstFlood(recorder, run.cgroup, limit);
    const cpu = [run.cgroup.cpuSeconds()];
    await sleep(NORMAL_SECONDS * 1000);
    cpu.push(run.cgroup.cpuSeconds());
    const descriptorsBefore = run.openDescriptors();
    run.throwSwitch(bug.k);
    const switchedAt = monotonicSeconds();
    await sleep(BUG_SECONDS * 1000);
    cpu.push(run.cgroup.cpuSeconds());
    const openDescriptors = [descriptorsBefore, run.openDescriptors()] as const;
    const alive = run.isAlive();
    const [machineLoad] = loadavg() as [number, number, number];
    guard.end();
    const recording = await recorder.stop();
    const quota = guard.quota();
    const truth = await recordStacks(
      workshop,
      run,
      join(folder, 'truth.perf-script.zst'),
      label,
      async () => {
        if (quota !== null) run.cgroup.limitCpu(quota.share / 2);
        await sleep(TRUTH_SECONDS * 1000);
      },
    );
    await run.end();
    const textFile = join(folder, 'production.perf-script.zst');
    await writePerfText(recording.file, textFile, false);
    const trace = await readTraceFile(textFile);
    const [before, after] = [switchedAt - recording.startSeconds, recording.endSeconds - switchedAt];
    copyFileSync(run.clientLog, join(folder, 'clients.jsonl'));
    return {
      start: recording.startSeconds,
      switchedAt,
      end: recording.endSeconds,
      machineLoad,
      quota: quota === null ? null : { share: quota.share, at: milliseconds(quota.at) },
      operators: {
        cpuShare: [
          thousandth(((cpu[1] as number) - (cpu[0] as number)) / before),
          thousandth(((cpu[2] as number) - (cpu[1] as number)) / after),
        ],
        callsPerSecond: callRates(trace, switchedAt, before, after),
        openDescriptors,
        alive,
      },
      clients: clientView(
        readClientLog(run.clientLog),
        recording.startSeconds,
        switchedAt,
        recording.endSeconds,
        recipe.latencyFree,
      ),
      truth: truth === null ? NO_CALLS : stackShares(truth, bug.primary, recipe.stacks),
      windowCalls: callsByWindow(
        trace,
        { start: recording.startSeconds, end: recording.endSeconds },
        switchedAt,
      ),
      commands: [recording.command],
    };
  } finally {
    await run.end();
    rmSync(run.place.runFolder, { recursive: true, force: true });
  }
}

/** Some bugs have run their course when production ends: the switch is thrown within the stacked run instead. */
async function recordTruthFromSwitch(
  workshop: Workshop,
  bug: Bug,
  load: LoadCommand,
  folder: string,
  label: string,
): Promise<StackShares | null> {
  const run = await workshop.open(label, FIRST_SEED + bug.k, load);
  try {
    await run.start();
    await sleep(SETTLING_SECONDS * 1000);
    const file = join(folder, 'truth-from-switch.perf-script.zst');
    let switchedAt = 0;
    const trace = await recordStacks(workshop, run, file, label, async () => {
      run.throwSwitch(bug.k);
      switchedAt = monotonicSeconds();
      await sleep(2 * TRUTH_SECONDS * 1000);
    });
    if (trace === null) return null;
    const fromNs = Math.max(0, (switchedAt - trace.window.startSeconds) * 1e9);
    const shares = stackShares(trace, bug.primary, workshop.recipe.stacks, fromNs);
    return shares.underPrimary > 0 ? shares : null;
  } finally {
    await run.end();
    rmSync(run.place.runFolder, { recursive: true, force: true });
  }
}

async function recordStacks(
  workshop: Workshop,
  run: ServerRun,
  textFile: string,
  label: string,
  meanwhile: () => Promise<void>,
): Promise<Trace | null> {
  const { stacks, callsPerSecondLimit } = workshop.recipe;
  const recorder = await startRecorder(
    run.cgroup.name,
    workshop.dataFile(`${label}-truth`),
    stacks.callGraph,
  );
  const bytes = Number(/^dwarf,(\d+)/.exec(stacks.callGraph)?.[1] ?? CHAIN_BYTES);
  const guard = guardAgainstFlood(
    recorder,
    run.cgroup,
    callsPerSecondLimit ?? DEFAULT_CALLS_PER_SECOND,
    bytes,
  );
  await meanwhile();
  guard.end();
  const recording = await recorder.stop();
  if (run.isAlive()) await stacks.afterRecording?.(run.running());
  await writePerfText(recording.file, textFile, true);
  return readStacks(textFile);
}

/** Null where the server made no call at all while stacks were recorded. */
async function readStacks(textFile: string): Promise<Trace | null> {
  try {
    return await readTraceFile(textFile, { stacks: true });
  } catch (error) {
    if (error instanceof TraceError) return null;
    throw error;
  }
}

/** What clients notice at full speed, without recorder and quota. */
async function clientsApart(
  workshop: Workshop,
  bug: Bug,
  load: LoadCommand,
  folder: string,
  label: string,
): Promise<{ clients: ClientView; span: ClientSpan }> {
  const run = await workshop.open(label, FIRST_SEED + bug.k, load);
  try {
    await run.start();
    await sleep(SETTLING_SECONDS * 1000);
    const start = monotonicSeconds();
    await sleep(APART_NORMAL_SECONDS * 1000);
    const switchedAt = monotonicSeconds();
    run.throwSwitch(bug.k);
    await sleep(APART_BUG_SECONDS * 1000);
    const end = monotonicSeconds();
    await run.end();
    copyFileSync(run.clientLog, join(folder, 'clients-apart.jsonl'));
    const clients = clientView(
      readClientLog(run.clientLog),
      start,
      switchedAt,
      end,
      workshop.recipe.latencyFree,
    );
    return {
      clients,
      span: { from: milliseconds(start), change: milliseconds(switchedAt), to: milliseconds(end) },
    };
  } finally {
    await run.end();
    rmSync(run.place.runFolder, { recursive: true, force: true });
  }
}

function callRates(
  trace: Trace,
  switchedAt: number,
  before: number,
  after: number,
): readonly [number, number] {
  const switchNs = (switchedAt - trace.window.startSeconds) * 1e9;
  const first = trace.enterNs.findIndex((enter) => enter >= switchNs);
  const calls = first < 0 ? trace.length : first;
  return [tenth(calls / before), tenth((trace.length - calls) / after)];
}

function notes({ recipe }: Workshop, bug: Bug, quota: Production['quota']): string {
  const held =
    quota === null
      ? 'No quota beyond it.'
      : `CPU quota of ${tenth(quota.share * 100)} % of one CPU from ${milliseconds(quota.at)} on (half of it in the truth run).`;
  return `Mutation ${bug.k}, switched on while the server ran (a word in mapped memory). ${recipe.notes} The server may use ${(recipe.cpuLimit ?? 0.5) * 100} % of one CPU. ${held}`;
}

function share({ underPrimary, calls }: StackShares): number {
  return calls === 0 ? 0 : Math.round((underPrimary / calls) * 1e4) / 1e4;
}

const tenth = (value: number) => Math.round(value * 10) / 10;
const thousandth = (value: number) => Math.round(value * 1000) / 1000;
const milliseconds = thousandth;

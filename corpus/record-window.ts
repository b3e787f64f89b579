import { copyFileSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CaseFile, NoticedBy } from './case-file.ts';
import { clientView, readClientLog } from './clients.ts';
import { monotonicSeconds } from './clock.ts';
import { DEFAULT_CALLS_PER_SECOND, guardAgainstFlood } from './flood-guard.ts';
import { startRecorder } from './perf-recorder.ts';
import { writePerfText } from './perf-text.ts';
import type { Blameless, HealthyWindow, Step } from './recipe.ts';
import type { ServerRun } from './server-run.ts';
import type { Workshop } from './workshop.ts';

const SETTLING_SECONDS = 3;
const BLAMELESS_SEED = 500;

export interface WindowCase {
  readonly file: CaseFile;
  readonly commands: readonly (readonly string[])[];
}

/** Records a window in which nothing is wrong, or nothing in the service is to blame, into `folder`. */
export async function recordWindow(
  workshop: Workshop,
  window: Blameless | HealthyWindow,
  folder: string,
): Promise<WindowCase> {
  const { recipe } = workshop;
  const label = `window-${window.id}`;
  const blameless = 'fault' in window;
  const load = { ...recipe.production, ...('load' in window ? window.load : {}) };
  const seed = blameless ? BLAMELESS_SEED : window.seed;
  const fromStart = !blameless && window.fromStart === true;
  const needsDisk = window.steps.some(({ action }) => action.do === 'disk');
  const run = await workshop.open(label, seed, load, needsDisk);
  try {
    if (!fromStart) {
      await run.start();
      await sleep(SETTLING_SECONDS * 1000);
    }
    const recorder = await startRecorder(run.cgroup.name, workshop.dataFile(label), null);
    const guard = guardAgainstFlood(
      recorder,
      run.cgroup,
      recipe.callsPerSecondLimit ?? DEFAULT_CALLS_PER_SECOND,
    );
    if (fromStart) await run.start();
    await perform(run, window.steps, recorder.startSeconds, window.seconds);
    guard.end();
    const alive = run.isAlive();
    const [machineLoad] = loadavg() as [number, number, number];
    const recording = await recorder.stop();
    await run.end();
    if (!alive) throw new Error(`${window.id}: the server ended`);
    await writePerfText(recording.file, join(folder, 'production.perf-script.zst'), false);
    copyFileSync(run.clientLog, join(folder, 'clients.jsonl'));
    const faultAt = blameless ? recording.startSeconds + window.faultAt : null;
    const noticed: NoticedBy | null =
      faultAt === null
        ? null
        : clientView(
              readClientLog(run.clientLog),
              recording.startSeconds,
              faultAt,
              recording.endSeconds,
              recipe.latencyFree,
            ).clientsNotice
          ? 'clients'
          : 'nobody';
    const quota = guard.quota();
    const file: CaseFile = {
      id: `${recipe.name}-${window.id}`,
      class: blameless ? 'blameless' : 'healthy',
      system: recipe.system,
      language: recipe.language,
      version: `${recipe.version}, ${recipe.buildNotes}`,
      fix: 'none',
      summary: window.summary,
      kinds: blameless ? window.kinds : ['normal'],
      truth: { primary: [], related: [] },
      primaryMakesCalls: false,
      anomalyStart: faultAt === null ? null : rounded(faultAt),
      recording: { start: rounded(recording.startSeconds), end: rounded(recording.endSeconds) },
      machineLoad: rounded(machineLoad),
      scored: true,
      noticedBy: noticed,
      captureNotes: `${recipe.notes}${quota === null ? '' : ` CPU quota of ${rounded(quota.share)} of one CPU from ${rounded(quota.at)} on: the calls flooded.`}`,
      ...(blameless ? { fault: window.fault } : {}),
      window: { load, steps: window.steps, seed },
    };
    return { file, commands: [recording.command] };
  } finally {
    await run.end();
    rmSync(run.place.runFolder, { recursive: true, force: true });
  }
}

async function perform(
  run: ServerRun,
  steps: readonly Step[],
  start: number,
  seconds: number,
): Promise<void> {
  const until = (at: number) => sleep(Math.max(0, (start + at - monotonicSeconds()) * 1000));
  for (const { at, action } of [...steps].sort((a, b) => a.at - b.at)) {
    await until(at);
    await run.act(action);
  }
  await until(seconds);
}

const rounded = (value: number) => Math.round(value * 1000) / 1000;

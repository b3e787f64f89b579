import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRecorder } from './perf-recorder.ts';
import { writePerfText } from './perf-text.ts';
import type { LoadCommand } from './recipe.ts';
import { BASELINE_FILE, profileFile, type Workshop } from './workshop.ts';

const SETTLING_SECONDS = 3;
const PROFILE_SECONDS = 25;
const BASELINE_SECONDS = 45;
const PROFILE_SEED = 11;
const BASELINE_SEED = 23;

/** What was recorded, for made.json. */
export interface Made {
  readonly commands: readonly (readonly string[])[];
}

/** A normal workload with stacks. */
export async function recordProfile(workshop: Workshop, name: string, load: LoadCommand): Promise<Made> {
  const { recipe, serverFolder } = workshop;
  const { stacks } = recipe;
  return recordNormal(workshop, `profile-${name}`, load, {
    seed: PROFILE_SEED,
    seconds: PROFILE_SECONDS,
    callGraph: stacks.callGraph,
    textFile: join(serverFolder, profileFile(name)),
  });
}

/** The production load without stacks. */
export async function recordBaseline(workshop: Workshop): Promise<Made> {
  return recordNormal(workshop, 'baseline', workshop.recipe.production, {
    seed: BASELINE_SEED,
    seconds: BASELINE_SECONDS,
    callGraph: null,
    textFile: join(workshop.serverFolder, BASELINE_FILE),
  });
}

interface NormalRecording {
  readonly seed: number;
  readonly seconds: number;
  readonly callGraph: string | null;
  readonly textFile: string;
}

async function recordNormal(
  workshop: Workshop,
  label: string,
  load: LoadCommand,
  { seed, seconds, callGraph, textFile }: NormalRecording,
): Promise<Made> {
  const run = await workshop.open(label, seed, load);
  try {
    await run.start();
    await sleep(SETTLING_SECONDS * 1000);
    const recorder = await startRecorder(run.cgroup.name, workshop.dataFile(label), callGraph);
    await sleep(seconds * 1000);
    const recording = await recorder.stop();
    if (!run.isAlive()) throw new Error(`${label}: the server ended while nothing was wrong`);
    if (callGraph !== null) await workshop.recipe.stacks.afterRecording?.(run.running());
    await writePerfText(recording.file, textFile, callGraph !== null);
    return { commands: [recording.command] };
  } finally {
    await run.end();
    rmSync(run.place.runFolder, { recursive: true, force: true });
  }
}

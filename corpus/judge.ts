import { join } from 'node:path';
import type { CaseFile } from './case-file.ts';
import { noticedBy } from './case-file.ts';
import { clientView, readClientLog } from './clients.ts';
import { writeJson } from './made.ts';
import { madeCases } from './made-cases.ts';
import type { ServerRecipe } from './recipe.ts';

/**
 * Judges anew, from the clients' logs that each bug's folder keeps, who notices it: for when the rule has changed.
 * Returns a line for each bug whose answer is another now.
 */
export function judgeServer({ name, latencyFree }: ServerRecipe, outFolder: string): string[] {
  const serverFolder = join(outFolder, name);
  return [...madeCases(serverFolder)].flatMap(([part, file]) => {
    const judged = judgeBug(join(serverFolder, part), file, latencyFree);
    if (judged === null) return [];
    writeJson(join(serverFolder, part, 'case.json'), judged);
    return judged.noticedBy === file.noticedBy
      ? []
      : [`${name} ${part}: noticed by ${judged.noticedBy}, not by ${file.noticedBy}`];
  });
}

function judgeBug(folder: string, file: CaseFile, latencyFree: readonly string[]): CaseFile | null {
  const { bug, recording, anomalyStart } = file;
  if (bug === undefined || anomalyStart === null) return null;
  const log = readClientLog(join(folder, bug.apart === null ? 'clients.jsonl' : 'clients-apart.jsonl'));
  const { from, change, to } = bug.apart ?? {
    from: recording.start,
    change: anomalyStart,
    to: recording.end,
  };
  const clients = clientView(log, from, change, to, latencyFree);
  const noticed = noticedBy(clients, bug.load);
  return { ...file, scored: noticed !== 'nobody', noticedBy: noticed, bug: { ...bug, clients } };
}

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { InputError } from '../input-error.ts';

/** A folder with a known answer (case.json; examples/README.md). The method never sees `truth`. */
export interface KnownCase {
  readonly folder: string;
  readonly id: string;
  /** Verdicts that count as right. */
  readonly kinds: readonly string[];
  readonly primary: readonly string[];
  readonly related: readonly string[];
  /** False where the faulty code makes no system call during the anomaly. */
  readonly primaryMakesCalls: boolean;
  /** When the anomaly begins, in the clock of production.perf-script; null where the case does not tell. */
  readonly anomalyStart: number | null;
  readonly profiles: readonly string[];
}

const caseFile = z.object({
  id: z.string(),
  kinds: z.array(z.string()),
  truth: z.object({ primary: z.array(z.string()), related: z.array(z.string()).default([]) }),
  primaryMakesCalls: z.boolean(),
  anomalyStart: z.number().nullable().default(null),
});

/**
 * The cases below a folder, in name order; a folder without case.json is passed over.
 *
 * @throws InputError when the folder cannot be read or a case.json is not one
 */
export function readCases(root: string): KnownCase[] {
  let names: string[];
  try {
    names = readdirSync(root).sort();
  } catch (cause) {
    throw new InputError(
      `${root}: cannot be read; give a folder that holds case folders (case.json, profile-*, production.*)`,
      { cause },
    );
  }
  return names.flatMap((name) => {
    const folder = join(root, name);
    const file = join(folder, 'case.json');
    if (!existsSync(file)) return [];
    let parsed: z.infer<typeof caseFile>;
    try {
      parsed = caseFile.parse(JSON.parse(readFileSync(file, 'utf8')));
    } catch (cause) {
      throw new InputError(
        `${file}: not a case description; expected id, kinds, truth.primary, primaryMakesCalls`,
        { cause },
      );
    }
    const profiles = readdirSync(folder)
      .filter((entry) => entry.startsWith('profile-'))
      .sort()
      .map((entry) => join(folder, entry));
    return [
      {
        folder,
        id: parsed.id,
        kinds: parsed.kinds,
        primary: parsed.truth.primary,
        related: parsed.truth.related,
        primaryMakesCalls: parsed.primaryMakesCalls,
        anomalyStart: parsed.anomalyStart,
        profiles,
      },
    ];
  });
}

/** The file of a case whose name starts so, whatever its compression; null where there is none. */
export function caseTrace(known: KnownCase, prefix: string): string | null {
  const name = readdirSync(known.folder)
    .sort()
    .find((entry) => entry.startsWith(prefix));
  return name === undefined ? null : join(known.folder, name);
}

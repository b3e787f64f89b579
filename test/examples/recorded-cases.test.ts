import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

const EXAMPLES = join(import.meta.dirname, '../../examples');
/** What a clone pays for one example. */
const CASE_LIMIT_BYTES = 2_000_000;

const caseFile = z.object({
  id: z.string(),
  fix: z.string(),
  summary: z.string(),
  kinds: z.array(z.enum(['hang', 'slowdown', 'spin'])).min(1),
  truth: z.object({ primary: z.array(z.string()).min(1), related: z.array(z.string()) }),
  primaryMakesCalls: z.boolean(),
  anomalyStart: z.number(),
  captureNotes: z.string(),
});

/** As for `perfscope eval`: a folder without case.json (the demo's example) is no case. */
const cases = readdirSync(EXAMPLES).filter((name) => existsSync(join(EXAMPLES, name, 'case.json')));

function text(name: string, file: string): string {
  return gunzipSync(readFileSync(join(EXAMPLES, name, file))).toString('latin1');
}

function times(perfScript: string): number[] {
  return [...perfScript.matchAll(/ (\d+\.\d{6}): +(?:raw_syscalls|sched):/g)].map((match) =>
    Number(match[1]),
  );
}

describe.each(cases)('the example %s', (name) => {
  const known = caseFile.parse(JSON.parse(readFileSync(join(EXAMPLES, name, 'case.json'), 'utf8')));
  const files = readdirSync(join(EXAMPLES, name));
  const profiles = files.filter((file) => /^profile-.+\.perf-script\.gz$/.test(file));

  it('is named as its folder, comes with the script that records it, and stays small', () => {
    expect(known.id).toBe(name);
    expect(files).toContain('reproduce.sh');
    const bytes = files.map((file) => statSync(join(EXAMPLES, name, file)).size);
    expect(bytes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(CASE_LIMIT_BYTES);
  });

  it('has normal time before its onset and at least five seconds of the fault after it', () => {
    const at = times(text(name, 'production.perf-script.gz'));
    expect(at.length).toBeGreaterThan(10_000);
    expect(known.anomalyStart - (at[0] ?? 0)).toBeGreaterThan(20);
    expect((at.at(-1) ?? 0) - known.anomalyStart).toBeGreaterThan(5);
  });

  it('shows a primary function in several profiles, and no stack outside of them', () => {
    const naming = profiles.filter((file) => known.truth.primary.some((f) => text(name, file).includes(f)));
    expect(naming.length).toBeGreaterThanOrEqual(2);
    for (const file of ['production.perf-script.gz', 'baseline.perf-script.gz']) {
      expect(text(name, file)).not.toMatch(/^\t/m);
    }
  });

  it('has the same scenario under strace, without the contents of buffers', () => {
    const strace = text(name, 'production.strace.gz');
    expect(strace).toMatch(/^\d+ +\d+\.\d{6} \w+\(.*<\d+\.\d{6}>$/m);
    expect(strace).not.toMatch(/(?:read|write|send\w*|recv\w*)\(\d+, "[^"]/);
  });
});

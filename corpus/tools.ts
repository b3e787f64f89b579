import { execFileSync } from 'node:child_process';
import { release } from 'node:os';

/** Versions of what records, for made.json. */
export function recordedTools(): Record<string, string> {
  return {
    perf: firstLine('perf', ['--version']),
    zstd: firstLine('zstd', ['--version']),
    kernel: release(),
  };
}

function firstLine(program: string, args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8' }).trim().split('\n')[0] ?? '';
}

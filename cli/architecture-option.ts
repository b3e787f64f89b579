import { Option } from 'commander';
import type { Architecture } from '../trace/trace.ts';

const architectures = ['x86_64', 'arm64'] as const satisfies readonly Architecture[];

/** Where the numbers of a perf script's calls come from; its own header (perf script --header) goes before it. */
export function architectureOption(): Option {
  return new Option('--arch <name>', 'processor that a perf script without header was recorded on').choices(
    architectures,
  );
}

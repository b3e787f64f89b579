/** How the program for nodes is made into one file, which takes Node.js 20 or later and nothing else. */
import { fileURLToPath } from 'node:url';
import type { BuildOptions } from 'esbuild';

export const NODE_BUNDLE = {
  absWorkingDir: fileURLToPath(new URL('..', import.meta.url)),
  entryPoints: ['cli/perfscope-node.ts'],
  outfile: 'dist/perfscope-node.cjs',
  bundle: true,
  platform: 'node',
  // The oldest Node.js that nodes may have; zstd is looked for at run time.
  target: 'node20',
  format: 'cjs',
  minifySyntax: true,
  legalComments: 'linked',
} as const satisfies BuildOptions;

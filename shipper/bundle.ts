/**
 * `npm run bundle:node`: the program for nodes as one file, dist/perfscope-node.cjs, which takes Node.js 20 or later
 * and nothing else.
 */
import { chmodSync, statSync } from 'node:fs';
import { build } from 'esbuild';

const OUTPUT = 'dist/perfscope-node.cjs';

await build({
  entryPoints: ['cli/perfscope-node.ts'],
  outfile: OUTPUT,
  bundle: true,
  platform: 'node',
  // The oldest Node.js that nodes may have; zstd is looked for at run time.
  target: 'node20',
  format: 'cjs',
  minifySyntax: true,
  legalComments: 'linked',
});
chmodSync(OUTPUT, 0o755);
process.stdout.write(`${OUTPUT}: ${(statSync(OUTPUT).size / 1024 / 1024).toFixed(1)} MiB\n`);

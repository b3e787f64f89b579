/** `npm run bundle:node`: makes the program for nodes, dist/perfscope-node.cjs. */
import { chmodSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { NODE_BUNDLE } from './node-bundle.ts';

await build(NODE_BUNDLE);
const output = join(NODE_BUNDLE.absWorkingDir, NODE_BUNDLE.outfile);
chmodSync(output, 0o755);
process.stdout.write(`${NODE_BUNDLE.outfile}: ${(statSync(output).size / 1024 / 1024).toFixed(1)} MiB\n`);

/**
 * The function's code as it is deployed: esbuild makes one ES module of the handler and one of the inference thread.
 * The stack, the integration test and the cold start benchmark all use this; no Docker, no network.
 */

import { fileURLToPath } from 'node:url';
import { type BuildOptions, buildSync } from 'esbuild';

export const HANDLER = 'handler.handler';

const ROOT = new URL('..', import.meta.url);

export const FUNCTION_BUNDLE = {
  absWorkingDir: fileURLToPath(ROOT),
  entryPoints: { handler: 'lambda/handler.ts', 'inference-worker': 'lambda/inference-worker.ts' },
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  outExtension: { '.js': '.mjs' },
  // ES modules first, or little is shaken off: packages list `main` (CommonJS) for old tools.
  mainFields: ['module', 'main'],
  minifySyntax: true,
  minifyWhitespace: true,
  // Names stay: stack traces in the logs are read by people.
  minifyIdentifiers: false,
  legalComments: 'none',
  logLevel: 'warning',
} as const satisfies BuildOptions;

/** Returns the bytes of each file written. */
export function bundleFunction(directory: string): ReadonlyMap<string, number> {
  const { metafile } = buildSync({ ...FUNCTION_BUNDLE, outdir: directory, metafile: true });
  return new Map(
    Object.entries(metafile.outputs).map(([path, { bytes }]) => [path.split('/').at(-1) ?? path, bytes]),
  );
}

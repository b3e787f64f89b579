import { type BuildOptions, buildSync } from 'esbuild';
import { expect, it } from 'vitest';
import { FUNCTION_BUNDLE } from '../../infra/function-bundle.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { NODE_BUNDLE } from '../../shipper/node-bundle.ts';

/** `node_modules/@scope/name/…` → `@scope/name`; null for files of ours. */
function packageOf(path: string): string | null {
  return /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? null;
}

/** Packages that files of ours import, and all of whose code something is left in the bundle. */
function packagesOf(options: BuildOptions): { readonly imported: string[]; readonly contained: string[] } {
  const { metafile } = buildSync({ ...options, outdir: 'dist/unwritten', write: false, metafile: true });
  if (metafile === undefined) throw new Error('esbuild gave no metafile');
  const imported = Object.entries(metafile.inputs)
    .filter(([path]) => packageOf(path) === null)
    .flatMap(([, { imports }]) => imports.flatMap(({ path }) => packageOf(path) ?? []));
  const contained = Object.values(metafile.outputs)
    .flatMap(({ inputs }) => Object.entries(inputs))
    .flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? (packageOf(path) ?? []) : []));
  return { imported, contained };
}

it('dependencies are the packages that the function and the program for nodes contain, and no others', () => {
  const { outfile: _, ...nodeBundle } = NODE_BUNDLE;
  const bundles = [packagesOf(FUNCTION_BUNDLE), packagesOf(nodeBundle)];
  const imported = new Set(bundles.flatMap((bundle) => bundle.imported));
  const contained = new Set(bundles.flatMap((bundle) => bundle.contained));
  const dependencies = Object.keys(packageJson.dependencies);
  expect([...imported].sort()).toEqual([...dependencies].sort());
  expect(dependencies.filter((name) => !contained.has(name))).toEqual([]);
});

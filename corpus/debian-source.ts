import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const OUTPUT_LIMIT = 256 * 1024 * 1024;

/** Keeps every function apart and its name: what profiles of C servers need. */
export const C_FLAGS = [
  '-O1',
  '-g',
  '-fno-omit-frame-pointer',
  '-fno-inline-functions',
  '-fno-inline-small-functions',
  '-fno-inline-functions-called-once',
  '-fno-optimize-sibling-calls',
] as const;

export const SWITCH_HEADER = resolve(import.meta.dirname, 'bug-switch.h');
export const SWITCH_SOURCE = resolve(import.meta.dirname, 'bug-switch.c');

/**
 * Unpacks a Debian source package, with Debian's own patches, and returns its folder.
 *
 * @throws Error where apt has no sources enabled or the version is gone
 */
export async function unpackSource(name: string, version: string, buildFolder: string): Promise<string> {
  const folder = join(buildFolder, 'unpacked', name);
  mkdirSync(folder, { recursive: true });
  try {
    await run('apt-get', ['source', '-qq', `${name}=${version}`], { cwd: folder, maxBuffer: OUTPUT_LIMIT });
  } catch (cause) {
    throw new Error(
      `apt-get source ${name}=${version} failed; enable sources (Types: deb deb-src), run apt-get update, or set the recipe to a version that apt-cache showsrc ${name} lists`,
      { cause },
    );
  }
  const [source] = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  if (source === undefined) throw new Error(`apt-get source ${name} left no folder in ${folder}`);
  return join(folder, source.name);
}

export async function applyPatch(sourceFolder: string, patchFile: string): Promise<void> {
  await shell(sourceFolder, `patch -p1 --fuzz=0 -i '${patchFile}'`);
}

/** Runs a line of a build; what it printed last is in the error. */
export async function shell(
  folder: string,
  line: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  try {
    const { stdout } = await run('bash', ['-ec', line], {
      cwd: folder,
      env: { ...process.env, ...env },
      maxBuffer: OUTPUT_LIMIT,
    });
    return stdout;
  } catch (cause) {
    const { stdout = '', stderr = '' } = cause as { stdout?: string; stderr?: string };
    throw new Error(`'${line}' failed in ${folder}: ${(stdout + stderr).slice(-3000)}`, { cause });
  }
}

/** Installs Debian packages that a build needs; those that are there cost nothing. */
export async function installPackages(packages: readonly string[]): Promise<void> {
  await shell(
    '/',
    `dpkg -s ${packages.join(' ')} >/dev/null 2>&1 || apt-get install -y -qq --no-install-recommends ${packages.join(' ')}`,
    {
      DEBIAN_FRONTEND: 'noninteractive',
    },
  );
}

/** Names of the functions in programs and modules. */
export async function functionNames(files: readonly string[]): Promise<Set<string>> {
  const { stdout } = await run('nm', ['--defined-only', ...files], { maxBuffer: OUTPUT_LIMIT });
  const names = stdout.split('\n').flatMap((line) => {
    const [, name] = /^[0-9a-f]+ [tTwW] (\S+)$/.exec(line) ?? [];
    return name === undefined ? [] : [name];
  });
  return new Set(names);
}

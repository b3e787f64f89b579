import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { blamelessWindows } from '../../blameless-windows.ts';
import {
  applyPatch,
  C_FLAGS,
  functionNames,
  SWITCH_HEADER,
  SWITCH_SOURCE,
  shell,
  unpackSource,
} from '../../debian-source.ts';
import { healthyWindows } from '../../healthy-windows.ts';
import type { Place, ServerRecipe } from '../../recipe.ts';
import { bugs } from './bugs.ts';

const VERSION = '1.11.1-2.1+deb12u1';
const PATCH = 'bugs.patch';
/** Without NDEBUG each allocation is reported on standard error. */
const FLAGS = [...C_FLAGS, '-DNDEBUG'].join(' ');
const FILTERS = 400;

const program = (buildFolder: string) => join(buildFolder, 'tinyproxy');

export const recipe: ServerRecipe = {
  name: 'tinyproxy',
  system: 'tinyproxy (HTTP proxy, a thread for each connection)',
  language: 'C',
  version: `tinyproxy ${VERSION}`,
  buildNotes: FLAGS,
  patches: [PATCH],
  async build(buildFolder) {
    const source = await unpackSource('tinyproxy', VERSION, buildFolder);
    await applyPatch(source, join(import.meta.dirname, PATCH));
    await shell(source, `gcc -c -O1 -g '${SWITCH_SOURCE}' -o bug-switch.o`);
    await shell(source, './configure --disable-manpage-support');
    await shell(
      source,
      `make -C src CFLAGS='${FLAGS} -include ${SWITCH_HEADER}' LDFLAGS='${source}/bug-switch.o'`,
    );
    await shell(source, `cp src/tinyproxy '${program(buildFolder)}'`);
  },
  symbols: (buildFolder) => functionNames([program(buildFolder)]),
  async prepare({ runFolder, diskFolder, ports }) {
    const [port, , upstream, dead] = ports as [number, number, number, number];
    const paragraph = '<p>some text that explains what went wrong here and what to do about it</p>\n';
    const files: Record<string, string> = {
      filter: `${Array.from({ length: FILTERS }, (_, i) => `^www\\.nowhere${i}\\.(com|org)$`).join('\n')}\nblocked\n`,
      'stat.html': `<html>{reqs} {opens}\n${`${'x'.repeat(3900)}\n`.repeat(60)}</html>\n`,
      'error.html': `<html><head><title>{errno} {cause}</title></head>\n<body>\n<h1>{cause}</h1>\n<p>{detail}</p>\n${paragraph.repeat(8)}<hr><p>{package} {version} {date}</p></body></html>\n`,
      conf: [
        `Port ${port}`,
        'Listen 127.0.0.1',
        'Timeout 2',
        `DefaultErrorFile "${runFolder}/error.html"`,
        'StatHost "stat.local"',
        `StatFile "${runFolder}/stat.html"`,
        `LogFile "${diskFolder}/log"`,
        'LogLevel Connect',
        'MaxClients 20',
        'XTinyproxy Yes',
        `Upstream http 127.0.0.1:${upstream} ".up.test"`,
        `Upstream http 127.0.0.1:${dead} ".dead.test"`,
        ...Array.from({ length: 12 }, (_, i) => `Deny .evil${i}.example`),
        'Allow 127.0.0.1',
        'ViaProxyName "tp"',
        `Filter "${runFolder}/filter"`,
        'FilterExtended On',
        'AddHeader "X-My" "1"',
        '',
      ].join('\n'),
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(runFolder, name), text);
  },
  server: ({ buildFolder, runFolder, diskFolder }: Place) => ({
    program: program(buildFolder),
    args: ['-d', '-c', join(runFolder, 'conf')],
    env: { STATSDUMP: join(diskFolder, 'statistics') },
    openFiles: 80,
  }),
  portCount: 6,
  load: ({ ports, seed }, clientLog) => ({
    program: 'python3',
    args: [join(import.meta.dirname, 'load.py'), clientLog, String(seed), ...ports.map(String)],
  }),
  latencyFree: [
    'slow_download',
    'statistics',
    'half_sent',
    'tunnel',
    'nothing',
    'aborted_post',
    'aborted_download',
  ],
  production: { mix: 'mixed', scale: 1 },
  profiles: {
    mixed: { mix: 'mixed', scale: 1 },
    errors: { mix: 'errors', scale: 1 },
    bodies: { mix: 'bodies', scale: 1 },
  },
  stacks: { callGraph: 'dwarf,16384', ownObjects: ['/tinyproxy'] },
  bugs,
  blameless: blamelessWindows([
    'upstream-slow',
    'upstream-silent',
    'upstream-lost',
    'upstream-failing',
    'clients-stalled',
    'surge',
    'cpu-quota',
    'neighbour',
    'disk-slow',
    'disk-stuck',
    'disk-full',
    'restart',
    'paused',
  ]),
  healthy: healthyWindows({
    mixes: ['errors', 'bodies'],
    housekeeping: {
      // In the foreground SIGHUP would end it.
      reload: { do: 'signal', signal: 'SIGUSR1' },
    },
    highest: 1.5,
  }),
  notes: 'About 8 requests a second of 19 kinds on loopback, RLIMIT_NOFILE 80, MaxClients 20, Timeout 2.',
};

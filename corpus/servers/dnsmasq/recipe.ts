import { mkdir, writeFile } from 'node:fs/promises';
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
import type { ServerRecipe } from '../../recipe.ts';
import { bugs } from './bugs.ts';

const VERSION = '2.90-4~deb12u2';
const PATCH = 'bugs.patch';

const program = (buildFolder: string) => join(buildFolder, 'dnsmasq');

const hostLines = (count: number, line: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => line(i)).join('');

export const recipe: ServerRecipe = {
  name: 'dnsmasq',
  system: 'dnsmasq (DNS forwarder and TFTP server; one event loop, a process for each TCP connection)',
  language: 'C',
  version: `dnsmasq ${VERSION}`,
  buildNotes: C_FLAGS.join(' '),
  patches: [PATCH],
  async build(buildFolder) {
    const source = await unpackSource('dnsmasq', VERSION, buildFolder);
    await applyPatch(source, join(import.meta.dirname, PATCH));
    const flags = [...C_FLAGS, `-include ${SWITCH_HEADER}`].join(' ');
    await shell(source, `gcc -c -O1 -g '${SWITCH_SOURCE}' -o bug-switch.o`);
    await shell(source, `make CFLAGS='${flags}' LDFLAGS='${source}/bug-switch.o'`);
    await shell(source, `cp src/dnsmasq '${program(buildFolder)}'`);
  },
  symbols: (buildFolder) => functionNames([program(buildFolder)]),
  async prepare({ runFolder }) {
    for (const folder of ['hostsdir', 'tftp']) await mkdir(join(runFolder, folder), { recursive: true });
    const files: Record<string, string> = {
      hosts: hostLines(300, (i) => `10.1.${Math.floor(i / 250)}.${i % 250} h${i}.lan\n`),
      'hostsdir/dyn': hostLines(190, (i) => `10.0.0.${i % 250} d${i}.lan\n`),
      'tftp/small': 's'.repeat(900),
      'tftp/large': 'L'.repeat(15_000),
      'tftp/text': 'some line\n'.repeat(150),
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(runFolder, name), text);
  },
  server({ buildFolder, runFolder, diskFolder, ports }) {
    const [port, upstream, upstream2, tftp] = ports;
    return {
      program: program(buildFolder),
      args: [
        '-k',
        '--conf-file=/dev/null',
        '--user=root',
        `--port=${port}`,
        '--listen-address=127.0.0.1',
        '--bind-interfaces',
        '--no-hosts',
        '--no-resolv',
        `--addn-hosts=${runFolder}/hosts`,
        `--hostsdir=${runFolder}/hostsdir`,
        `--server=127.0.0.1#${upstream}`,
        `--server=127.0.0.1#${upstream2}`,
        '--log-queries',
        `--log-facility=${diskFolder}/log`,
        `--pid-file=${runFolder}/pid`,
        '--enable-tftp',
        `--tftp-root=${runFolder}/tftp`,
        '--tftp-max=30',
        '--dns-forward-max=30',
        '--cache-size=300',
        '--max-tcp-connections=4',
        '--fast-dns-retry=1000,4000',
      ],
      env: { TFTPPORT: String(tftp) },
      openFiles: 100,
    };
  },
  portCount: 4,
  load: ({ ports, runFolder, seed }, clientLog) => ({
    program: 'python3',
    args: [join(import.meta.dirname, 'load.py'), clientLog, String(seed), runFolder, ...ports.map(String)],
  }),
  latencyFree: [
    'dropped',
    'tcp_held',
    'tftp_abandoned',
    'hosts_rewritten',
    'usr1',
    'hup',
    'tcp_upstream_closes',
  ],
  production: { mix: 'mixed', scale: 1 },
  profiles: {
    mixed: { mix: 'mixed', scale: 1 },
    dns: { mix: 'dns', scale: 1 },
    tcptftp: { mix: 'tcptftp', scale: 1 },
  },
  stacks: { callGraph: 'dwarf,16384', ownObjects: ['/dnsmasq'] },
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
    mixes: ['dns', 'tcptftp'],
    housekeeping: {
      reload: { do: 'signal', signal: 'SIGHUP' },
      statistics: { do: 'signal', signal: 'SIGUSR1' },
      'log-rotation': { do: 'signal', signal: 'SIGUSR2' },
    },
    highest: 1.5,
  }),
  notes:
    'About 20 UDP queries, 2.5 TCP connections and 1.5 TFTP transfers a second on loopback, RLIMIT_NOFILE 100, 4 TCP processes.',
};

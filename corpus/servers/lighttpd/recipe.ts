import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { blamelessWindows } from '../../blameless-windows.ts';
import {
  applyPatch,
  C_FLAGS,
  functionNames,
  installPackages,
  SWITCH_HEADER,
  SWITCH_SOURCE,
  shell,
  unpackSource,
} from '../../debian-source.ts';
import { healthyWindows } from '../../healthy-windows.ts';
import type { Place, ServerRecipe } from '../../recipe.ts';
import { bugs } from './bugs.ts';

const VERSION = '1.4.69-1';
const PATCH = 'bugs.patch';
const FLAGS = C_FLAGS.join(' ');
const MODULES = [
  'access',
  'auth',
  'authn_file',
  'alias',
  'proxy',
  'cgi',
  'ssi',
  'accesslog',
  'dirlisting',
  'staticfile',
  'indexfile',
];
/** Debian's patches are younger than what autoconf made: nothing is made again. */
const AS_SHIPPED = 'ACLOCAL=: AUTOCONF=: AUTOMAKE=: AUTOHEADER=:';

const program = (buildFolder: string) => join(buildFolder, 'lighttpd');
const moduleFolder = (buildFolder: string) => join(buildFolder, 'modules');
const moduleFile = (name: string) => `mod_${name}.so`;

function configuration({ runFolder, diskFolder, ports }: Place): string {
  const [port, backend, dead, flaky] = ports;
  const served = (at: number | undefined) =>
    `( "host" => "127.0.0.1", "port" => ${at}, "connect-timeout" => 3, "write-timeout" => 4, "read-timeout" => 4, "disable-time" => 1 )`;
  return `
server.modules = ( ${MODULES.filter(
    (name) => name !== 'dirlisting' && name !== 'staticfile' && name !== 'indexfile',
  )
    .map((name) => `"mod_${name}"`)
    .join(', ')} )
server.port = ${port}
server.bind = "127.0.0.1"
server.document-root = "${runFolder}/htdocs"
server.errorlog = "${diskFolder}/error.log"
accesslog.filename = "${diskFolder}/access.log"
server.upload-dirs = ( "${diskFolder}" )
server.max-connections = 40
server.max-fds = 80
server.max-keep-alive-idle = 2
server.max-read-idle = 5
server.max-write-idle = 15
index-file.names = ( "index.html" )
mimetype.assign = ( ".html" => "text/html", ".shtml" => "text/html", ".txt" => "text/plain" )
ssi.extension = ( ".shtml" )
cgi.assign = ( ".sh" => "/bin/sh" )
cgi.limits = ( "read-timeout" => 5, "write-timeout" => 5 )
auth.backend = "htpasswd"
auth.backend.htpasswd.userfile = "${runFolder}/passwords"
auth.require = ( "/private" => ( "method" => "basic", "realm" => "private", "require" => "valid-user" ) )
dir-listing.activate = "enable"
dir-listing.cache = ( "path" => "${diskFolder}/listings", "max-age" => 15 )
$HTTP["url"] =^ "/limited/" { connection.kbytes-per-second = 10 }
proxy.header = ( "map-urlpath" => ( "/app/" => "/", "/dead/" => "/", "/flaky/" => "/" ) )
proxy.server = (
  "/app/" => ( ${served(backend)} ),
  "/dead/" => ( ${served(dead)} ),
  "/flaky/" => ( ${served(flaky)} )
)
`;
}

const numbered = (count: number, line: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => line(i)).join('');

export const recipe: ServerRecipe = {
  name: 'lighttpd',
  system: 'lighttpd (one event loop, a process for each script)',
  language: 'C',
  version: `lighttpd ${VERSION}`,
  buildNotes: FLAGS,
  patches: [PATCH],
  async build(buildFolder) {
    await installPackages(['zlib1g-dev']);
    const source = await unpackSource('lighttpd', VERSION, buildFolder);
    await applyPatch(source, join(import.meta.dirname, PATCH));
    await shell(source, `gcc -c -fPIC -O1 -g '${SWITCH_SOURCE}' -o bug-switch.o`);
    await shell(
      source,
      './configure --without-pcre2 --without-pcre --without-bzip2 --without-brotli --with-zlib',
    );
    await shell(
      source,
      `make ${AS_SHIPPED} CFLAGS='${FLAGS} -include ${SWITCH_HEADER}' LDFLAGS='${source}/bug-switch.o'`,
    );
    await shell(source, `cp src/lighttpd '${program(buildFolder)}'`);
    await mkdir(moduleFolder(buildFolder), { recursive: true });
    await shell(source, `cp src/.libs/mod_*.so '${moduleFolder(buildFolder)}'`);
  },
  symbols: (buildFolder) =>
    functionNames([
      program(buildFolder),
      ...MODULES.map((name) => join(moduleFolder(buildFolder), moduleFile(name))),
    ]),
  async prepare(place) {
    const { runFolder, diskFolder } = place;
    const files: Record<string, string> = {
      'lighttpd.conf': configuration(place),
      // The password is "secret".
      passwords: numbered(300, (i) => `user${i}:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n`),
      'htdocs/page.html': 'p'.repeat(9000),
      'htdocs/page.shtml': '<p>one\n<!--#include virtual="/small1.txt" -->\n<!--#echo var="DATE_GMT" -->\n',
      'htdocs/big.bin': 'B'.repeat(300_000),
      'htdocs/private/file.txt': 'secret\n',
      'htdocs/limited/file.bin': 'l'.repeat(20_000),
      'htdocs/scripts/hello.sh': 'printf "Content-Type: text/plain\\r\\n\\r\\nhello $REQUEST_URI\\n"\n',
      'htdocs/scripts/echo.sh': 'printf "Content-Type: text/plain\\r\\n\\r\\n"\ncat\n',
      'htdocs/scripts/slow.sh': 'sleep 0.25\nprintf "Content-Type: text/plain\\r\\n\\r\\nlate\\n"\n',
    };
    for (let i = 0; i < 10; i++) files[`htdocs/small${i}.txt`] = String(i).repeat(2000);
    for (let i = 0; i < 250; i++) files[`htdocs/list/entry-${(i * 37) % 250}.txt`] = 'x'.repeat(i);
    for (const [name, text] of Object.entries(files)) {
      const file = join(runFolder, name);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    }
    await mkdir(join(diskFolder, 'listings'), { recursive: true });
  },
  server: ({ buildFolder, runFolder }) => ({
    program: program(buildFolder),
    args: ['-D', '-f', join(runFolder, 'lighttpd.conf'), '-m', moduleFolder(buildFolder)],
    openFiles: 80,
  }),
  portCount: 4,
  load: ({ ports, seed }, clientLog) => ({
    program: 'python3',
    args: [join(import.meta.dirname, 'load.py'), clientLog, String(seed), ...ports.map(String)],
  }),
  latencyFree: [
    'kept_idle',
    'slow_download',
    'slow_file',
    'lingering',
    'half_sent',
    'nothing',
    'aborted_body',
    'aborted_download',
    'proxied_silent',
  ],
  production: { mix: 'mixed', scale: 1 },
  profiles: {
    mixed: { mix: 'mixed', scale: 1 },
    files: { mix: 'files', scale: 1 },
    dynamic: { mix: 'dynamic', scale: 1 },
  },
  stacks: {
    callGraph: 'dwarf,16384',
    ownObjects: ['/lighttpd', ...MODULES.map((name) => `/${moduleFile(name)}`)],
  },
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
    mixes: ['files', 'dynamic'],
    housekeeping: {
      reload: { do: 'signal', signal: 'SIGUSR1' },
      'log-rotation': { do: 'signal', signal: 'SIGHUP' },
    },
    highest: 1.6,
  }),
  notes:
    'About 11 requests a second of 31 kinds on loopback; 40 connections, RLIMIT_NOFILE 80, keep-alive 2 s, backends time out after 4 s.',
};

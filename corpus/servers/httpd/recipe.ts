import { chmod, mkdir, writeFile } from 'node:fs/promises';
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

const VERSION = '2.4.68-1~deb12u1';
const PATCH = 'bugs.patch';
const FLAGS = C_FLAGS.join(' ');
const MODULES =
  'authn_file authn_core authz_host authz_user authz_core auth_basic reqtimeout include filter mime log_config env setenvif proxy proxy_http unixd status autoindex cgid dir alias rewrite ratelimit headers';
/** What mod_proxy brings along. */
const WITHOUT =
  '--disable-proxy-{balancer,connect,ftp,fcgi,scgi,uwsgi,fdpass,wstunnel,ajp,express} --disable-lbmethod-{byrequests,bytraffic,bybusyness,heartbeat}';
const NEEDED = ['libapr1-dev', 'libaprutil1-dev', 'libpcre2-dev', 'zlib1g-dev', 'flex', 'bison'];

const program = (buildFolder: string) => join(buildFolder, 'httpd');

function configuration({ runFolder, diskFolder, ports }: Place): string {
  const [port, backend, dead] = ports;
  return `
ServerName localhost
Listen 127.0.0.1:${port}
ServerRoot "${runFolder}"
PidFile "${runFolder}/pid"
User nobody
Group nogroup
ErrorLog "${diskFolder}/error.log"
LogLevel warn
LogFormat "%h %l %u %t \\"%r\\" %>s %b" common
CustomLog "${diskFolder}/access.log" common
StartServers 1
ServerLimit 4
ThreadsPerChild 10
MaxRequestWorkers 10
MinSpareThreads 1
MaxSpareThreads 20
ThreadLimit 10
Timeout 10
KeepAliveTimeout 2
RequestReadTimeout header=3 body=5
DocumentRoot "${runFolder}/htdocs"
ScriptSock "${runFolder}/cgid.sock"
ScriptAlias /cgi-bin/ "${runFolder}/cgi-bin/"
TypesConfig /dev/null
AddType text/html .html .shtml
AddType text/plain .txt
AddOutputFilter INCLUDES .shtml
EnableSendfile On
EnableMMAP Off
<Directory "${runFolder}/htdocs">
  Options +Indexes +Includes
  AllowOverride FileInfo
  Require all granted
  DirectoryIndex index.php index.shtml index.html
</Directory>
<Directory "${runFolder}/cgi-bin">
  Require all granted
</Directory>
<Location /private>
  AuthType Basic
  AuthName private
  AuthBasicProvider file
  AuthUserFile "${runFolder}/passwords"
  Require valid-user
</Location>
<Location /limited>
  SetOutputFilter RATE_LIMIT
  SetEnv rate-limit 20
</Location>
RewriteEngine On
RewriteMap names "txt:${runFolder}/map.txt"
RewriteRule ^/map/(.*)$ "\${names:$1|/missing}"
ProxyPass /app/ http://127.0.0.1:${backend}/ timeout=5
ProxyPass /dead/ http://127.0.0.1:${dead}/ retry=1
`;
}

const numbered = (count: number, line: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => line(i)).join('');

export const recipe: ServerRecipe = {
  name: 'httpd',
  system: 'Apache httpd (event MPM: a listener with epoll and a pool of threads; a daemon for scripts)',
  language: 'C',
  version: `apache2 ${VERSION}`,
  buildNotes: FLAGS,
  patches: [PATCH],
  async build(buildFolder) {
    await installPackages(NEEDED);
    const source = await unpackSource('apache2', VERSION, buildFolder);
    await applyPatch(source, join(import.meta.dirname, PATCH));
    await shell(source, `gcc -c -O1 -g '${SWITCH_SOURCE}' -o bug-switch.o`);
    await shell(
      source,
      `./configure --with-mpm=event --disable-ssl --enable-modules=none ${WITHOUT} --enable-mods-static='${MODULES}'`,
    );
    const flags = `${FLAGS} -DBUILD_DATETIME=__FILE__ -include ${SWITCH_HEADER}`;
    await shell(source, `make CFLAGS='${flags}' LDFLAGS='${source}/bug-switch.o'`);
    await shell(source, `cp httpd '${program(buildFolder)}'`);
  },
  symbols: (buildFolder) => functionNames([program(buildFolder)]),
  async prepare(place) {
    const { runFolder, diskFolder } = place;
    // The children are nobody.
    await chmod(runFolder, 0o755);
    await chmod(diskFolder, 0o777);
    const files: Record<string, string> = {
      'httpd.conf': configuration(place),
      'map.txt': numbered(3000, (i) => `key${i} /small${i % 10}.txt\n`),
      // The password is "secret".
      passwords: numbered(300, (i) => `user${i}:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n`),
      'htdocs/page.html': 'p'.repeat(9000),
      'htdocs/page.shtml': '<p>one\n<!--#include virtual="/small1.txt" -->\n<!--#echo var="DATE_GMT" -->\n',
      'htdocs/big.bin': 'B'.repeat(300_000),
      'htdocs/site/index.html': 's'.repeat(3000),
      'htdocs/private/file.txt': 'secret\n',
      'htdocs/limited/file.bin': 'l'.repeat(20_000),
      'cgi-bin/hello.sh': '#!/bin/sh\nprintf "Content-Type: text/plain\\r\\n\\r\\nhello $REQUEST_URI\\n"\n',
      'cgi-bin/echo.sh': '#!/bin/sh\nprintf "Content-Type: text/plain\\r\\n\\r\\n"\ncat\n',
    };
    for (let i = 0; i < 10; i++) files[`htdocs/small${i}.txt`] = String(i).repeat(2000);
    for (let i = 0; i < 150; i++) files[`htdocs/list/entry-${(i * 37) % 150}.txt`] = 'x'.repeat(i);
    for (const [name, text] of Object.entries(files)) {
      const file = join(runFolder, name);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text, { mode: name.startsWith('cgi-bin') ? 0o755 : 0o644 });
    }
  },
  server: ({ buildFolder, runFolder }) => ({
    program: program(buildFolder),
    args: ['-DFOREGROUND', '-f', join(runFolder, 'httpd.conf')],
    openFiles: 64,
  }),
  portCount: 3,
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
  ],
  production: { mix: 'mixed', scale: 1 },
  profiles: {
    mixed: { mix: 'mixed', scale: 1 },
    files: { mix: 'files', scale: 1 },
    dynamic: { mix: 'dynamic', scale: 1 },
  },
  stacks: { callGraph: 'dwarf,16384', ownObjects: ['/httpd'] },
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
      'hard-reload': { do: 'signal', signal: 'SIGHUP' },
    },
    highest: 1.6,
  }),
  notes:
    'About 10 requests a second of 30 kinds on loopback; one child of 10 threads, RLIMIT_NOFILE 64, KeepAliveTimeout 2, Timeout 10.',
};

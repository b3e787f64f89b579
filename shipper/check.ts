import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, rmdirSync, statfsSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import type { Directories } from './armed.ts';
import { compression } from './compress.ts';
import { inInitialPidNamespace, PID_NAMESPACE_REMEDY } from './pid-namespace.ts';
import { readOr } from './read-or.ts';
import { defaultCapBytes } from './ring-size.ts';
import { lookForTracefs, readKnob, type Tracefs } from './tracefs/tracefs.ts';

/** One thing that a node may or may not have. */
interface CheckFinding {
  readonly what: string;
  readonly ok: boolean;
  readonly found: string;
  /** What to do where it is missing. */
  readonly remedy: string;
  /** What is lost without it. */
  readonly needed: 'tracefs' | 'strace' | 'shipping' | 'comfort';
}

export interface NodeCheck {
  readonly recorder: 'tracefs' | 'strace' | null;
  readonly findings: readonly CheckFinding[];
}

/** Looks at what this node can do. It makes one tracefs instance and removes it, and changes nothing else. */
export function checkNode(directories: Directories): NodeCheck {
  const tracefs = lookForTracefs();
  const findings: CheckFinding[] = [
    platform(),
    locks(),
    mounted(tracefs),
    ...(tracefs.kind === 'found' ? tracefsFindings(tracefs.root) : []),
    ...straceFindings(),
    node(),
    disk(directories),
  ];
  const works = (needed: CheckFinding['needed']) =>
    findings.every((finding) => finding.ok || finding.needed !== needed);
  const recorder = !works('shipping')
    ? null
    : works('tracefs')
      ? 'tracefs'
      : works('strace')
        ? 'strace'
        : null;
  return { recorder, findings };
}

function platform(): CheckFinding {
  const ok = process.platform === 'linux' && (process.arch === 'x64' || process.arch === 'arm64');
  return {
    what: 'Linux on x86_64 or arm64',
    ok,
    found: `${process.platform} on ${process.arch}`,
    remedy: 'Record on the machine that runs the service.',
    needed: 'shipping',
  };
}

function locks(): CheckFinding {
  // BusyBox has one too, which knows no --version.
  const path = run('sh', ['-c', 'command -v flock'])?.trim() ?? null;
  return {
    what: 'flock is installed',
    ok: path !== null,
    found: path ?? 'no flock in PATH',
    remedy: 'Install util-linux: flock keeps two shippers of one service apart.',
    needed: 'shipping',
  };
}

function mounted(tracefs: Tracefs): CheckFinding {
  const what = 'tracefs is mounted';
  const needed = 'tracefs';
  switch (tracefs.kind) {
    case 'found':
      return { what, ok: true, found: tracefs.root, remedy: '', needed };
    case 'forbidden':
      return {
        what,
        ok: false,
        found: `user ${process.getuid?.()} may not look into ${tracefs.root}`,
        remedy: 'Run as root, also this check.',
        needed,
      };
    case 'missing':
      return {
        what,
        ok: false,
        found: 'no instances directory in /sys/kernel/tracing',
        remedy:
          'Run «mount -t tracefs nodev /sys/kernel/tracing» as root. In a container, mount the host’s /sys/kernel/tracing into it; where that is not allowed (Fargate), record with --recorder strace.',
        needed,
      };
  }
}

function tracefsFindings(tracefs: string): CheckFinding[] {
  const events = ['raw_syscalls/sys_enter', 'raw_syscalls/sys_exit'];
  const readable = events.filter((event) => isReadable(join(tracefs, 'events', event, 'format')));
  return [
    instances(tracefs),
    {
      what: 'process ids are the node’s own',
      ok: inInitialPidNamespace(),
      found: inInitialPidNamespace() ? 'the initial PID namespace' : 'a PID namespace of its own',
      remedy: `It would record strangers: ${PID_NAMESPACE_REMEDY}.`,
      needed: 'tracefs',
    },
    {
      what: 'the kernel has the raw_syscalls events',
      ok: readable.length === events.length,
      found: readable.length === events.length ? 'both' : `only ${readable.join(', ') || 'none'}`,
      remedy: 'It takes a kernel with CONFIG_FTRACE_SYSCALLS; all of the large distributions have it.',
      needed: 'tracefs',
    },
    {
      what: 'trace_clock mono',
      ok: isReadable(join(tracefs, 'trace_clock')) && readKnob(tracefs, 'trace_clock').includes('mono'),
      found: isReadable(join(tracefs, 'trace_clock')) ? readKnob(tracefs, 'trace_clock') : 'not readable',
      remedy: 'It takes Linux 3.17 or later.',
      needed: 'tracefs',
    },
    {
      what: 'forks and new threads are followed (event-fork)',
      ok: existsSync(join(tracefs, 'options/event-fork')),
      found: existsSync(join(tracefs, 'options/event-fork')) ? 'yes' : 'no options/event-fork',
      remedy: 'It takes Linux 4.7 or later.',
      needed: 'tracefs',
    },
  ];
}

function instances(tracefs: string): CheckFinding {
  const probe = join(tracefs, 'instances', `perfscope.check.${process.pid}`);
  let found = 'an instance was made and removed';
  let ok = true;
  try {
    mkdirSync(probe);
    rmdirSync(probe);
  } catch (error) {
    ok = false;
    found = (error as Error).message;
  }
  const lockdown = readOr('/sys/kernel/security/lockdown', '');
  const locked = lockdown.includes('[confidentiality]')
    ? ' The kernel is locked down (confidentiality), which forbids tracing: «cat /sys/kernel/security/lockdown».'
    : '';
  return {
    what: 'a tracefs instance can be made',
    ok,
    found,
    remedy: `Run as root, in a container as a privileged one (CAP_SYS_ADMIN and CAP_DAC_OVERRIDE, no AppArmor or seccomp rule against /sys/kernel/tracing).${locked}`,
    needed: 'tracefs',
  };
}

function straceFindings(): CheckFinding[] {
  const version = run('strace', ['--version'])?.split('\n')[0] ?? null;
  const scope = readOr('/proc/sys/kernel/yama/ptrace_scope', '0').trim();
  return [
    {
      what: 'strace is installed',
      ok: version !== null,
      found: version ?? 'no strace in PATH',
      remedy:
        'Install it («apt-get install strace», «dnf install strace»): only needed where tracefs cannot be had.',
      needed: 'strace',
    },
    {
      what: 'processes may be traced (ptrace)',
      ok: scope === '0' || (scope !== '3' && process.getuid?.() === 0),
      found: `ptrace_scope ${scope}, user ${process.getuid?.()}${process.getuid?.() === 0 ? '' : ': only processes of that user'}`,
      remedy:
        'Run as root or with CAP_SYS_PTRACE; in ECS add SYS_PTRACE to linuxParameters.capabilities and share the PID namespace (pidMode: task).',
      needed: 'strace',
    },
  ];
}

function node(): CheckFinding {
  const packed = compression();
  return {
    what: 'Node.js compresses with zstd',
    ok: packed.extension === 'zst',
    found: `Node.js ${process.version}: ${packed.extension === 'zst' ? 'zstd' : 'gzip'}`,
    remedy: 'Node.js 22.15 or later; without it traces are packed with gzip, at more CPU time.',
    needed: 'comfort',
  };
}

/** What drained pages may take, and a trace beside them. */
const DISK_RINGS = 3;

function disk(directories: Directories): CheckFinding {
  const cap = defaultCapBytes(totalmem());
  const { bavail, bsize } = statfsSync(nearest(directories.spool));
  const free = bavail * bsize;
  const mebibytes = (bytes: number) => `${Math.floor(bytes / 1024 / 1024)} MiB`;
  return {
    what: `room on the disk for ${DISK_RINGS} rings`,
    ok: free >= cap * DISK_RINGS,
    found: `${mebibytes(free)} free for ${directories.spool}; the ring takes up to ${mebibytes(cap)} of memory on ${cpus().length} CPUs`,
    remedy: 'Make room, use another --spool directory, or a smaller ring (--memory).',
    needed: 'comfort',
  };
}

function nearest(path: string): string {
  return existsSync(path) ? path : nearest(dirname(path));
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

function run(command: string, args: string[]): string | null {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return null;
  }
}

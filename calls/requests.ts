import type { Trace } from '../trace/trace.ts';
import { DESCRIPTOR_MAKERS, type DescriptorOrigin } from './descriptors.ts';
import { pairKey } from './pair-key.ts';
import { pidOf } from './threads.ts';

/** One piece of work on a connection that a peer opened: from the last bytes received (a slow client's
 * upload is not the server's time) to the first bytes sent back. */
export interface Request {
  /** The call that received the last bytes of it. */
  readonly received: number;
  /** The call that sent the first bytes back, or closed the connection without; -1 where the window ends before. */
  readonly answered: number;
  /** From the receiving call's return to the answering call's enter, or to the window's end. */
  readonly latencyNs: number;
}

const RECEIVES = new Set('read readv recvfrom recvmsg recvmmsg'.split(' '));
const SENDS = new Set('write writev sendto sendmsg sendmmsg sendfile sendfile64 splice'.split(' '));
/** A connection's: a peer opened it, or this process did. What the window shows nothing of has neither yet. */
type Role = 'served' | 'own';

const ROLE_OF = { accepted: 'served', opened: 'own', copied: null } as const satisfies Record<
  DescriptorOrigin,
  Role | null
>;

/**
 * The requests that a trace shows. A connection is served where accept gave its descriptor; one that is older than the
 * window is, where it is first seen to receive (a connection to a server further behind sends first).
 */
export function requests(trace: Trace): Request[] {
  const found: Request[] = [];
  const roles = new Map<number, Role>();
  /** Per process and descriptor: the call that received what nobody has answered yet. */
  const pendingOf = new Map<number, Map<number, number>>();
  const kinds = trace.callNames.map((name) => ({
    receives: RECEIVES.has(name),
    sends: SENDS.has(name),
    gives: roleGiven(name),
    closes: name === 'close',
    ends: name === 'exit_group' || name === 'execve',
  }));
  for (let row = 0; row < trace.length; row++) {
    const kind = kinds[trace.call[row] as number];
    if (kind === undefined) continue;
    const pid = pidOf(trace, row);
    if (kind.ends) {
      // A process that ends, or becomes another program, leaves its descriptors to others.
      pendingOf.delete(pid);
      continue;
    }
    let pending = pendingOf.get(pid);
    if (pending === undefined) {
      pending = new Map();
      pendingOf.set(pid, pending);
    }
    const result = trace.result[row] as number;
    if (kind.gives !== null && result >= 0) {
      roles.set(pairKey(pid, result), kind.gives);
      pending.delete(result);
    }
    const fd = trace.fd[row] as number;
    if (fd < 0) continue;
    const key = pairKey(pid, fd);
    if (kind.closes) {
      // Given up: a client that waited in vain, or a protocol without answers (then normal runs show it too).
      const received = pending.get(fd);
      if (received !== undefined) {
        found.push({
          received,
          answered: row,
          latencyNs: since(trace, received, trace.enterNs[row] as number),
        });
      }
      roles.delete(key);
      pending.delete(fd);
      continue;
    }
    if (result <= 0 || (!kind.receives && !kind.sends)) continue;
    let role = roles.get(key);
    if (role === undefined) {
      role = kind.receives ? 'served' : 'own';
      roles.set(key, role);
    }
    if (role !== 'served') continue;
    const received = pending.get(fd);
    if (kind.receives) {
      pending.set(fd, row);
    } else if (received !== undefined) {
      pending.delete(fd);
      found.push({
        received,
        answered: row,
        latencyNs: since(trace, received, trace.enterNs[row] as number),
      });
    }
  }
  for (const pending of pendingOf.values()) {
    for (const received of pending.values()) {
      found.push({ received, answered: -1, latencyNs: since(trace, received, trace.window.endNs) });
    }
  }
  return found.sort((a, b) => a.received - b.received);
}

function since(trace: Trace, received: number, untilNs: number): number {
  const enterNs = trace.enterNs[received] as number;
  return Math.max(0, untilNs - enterNs - (trace.durationNs[received] as number));
}

function roleGiven(call: string): Role | null {
  const origin = DESCRIPTOR_MAKERS.get(call);
  return origin === undefined ? null : ROLE_OF[origin];
}

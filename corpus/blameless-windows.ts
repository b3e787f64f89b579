import type { Action, Blameless, Verdict } from './recipe.ts';

const FAULT_AT = 20;
const SECONDS = 42;

interface Fault {
  readonly summary: string;
  readonly kinds: readonly Verdict[];
  readonly begin: readonly Action[];
  /** Where the fault is a moment's. */
  readonly seconds?: number;
}

/** Troubles from outside that any server can be given; a recipe picks those that it has (`blamelessWindows`). */
const FAULTS = {
  'upstream-slow': {
    summary: 'The services behind the server answer far too late.',
    kinds: ['outside'],
    begin: [{ do: 'load', upstream: 'slow' }],
  },
  'upstream-silent': {
    summary: 'The services behind the server take requests and answer none.',
    kinds: ['outside'],
    begin: [{ do: 'load', upstream: 'silent' }],
  },
  'upstream-lost': {
    summary: 'The services behind the server are gone: connections are refused.',
    kinds: ['outside'],
    begin: [{ do: 'load', upstream: 'lost' }],
  },
  'upstream-failing': {
    summary: 'The services behind the server answer with errors.',
    kinds: ['outside', 'normal'],
    begin: [{ do: 'load', upstream: 'failing' }],
  },
  'clients-stalled': {
    summary: 'Clients stop reading and writing midway and keep their connections open.',
    kinds: ['outside', 'normal'],
    begin: [{ do: 'load', clients: 'stalled' }],
  },
  surge: {
    summary: 'Six times the load arrives.',
    kinds: ['outside', 'normal'],
    begin: [{ do: 'load', scale: 6 }],
  },
  'cpu-quota': {
    summary: 'A quota leaves the server one per cent of a CPU.',
    kinds: ['outside'],
    begin: [{ do: 'cpu-quota', share: 0.01 }],
  },
  neighbour: {
    summary: 'A neighbour burns the CPU of the quota that it shares with the server.',
    kinds: ['outside'],
    begin: [
      { do: 'cpu-quota', share: 0.1 },
      { do: 'neighbour', running: true },
    ],
  },
  'disk-slow': {
    summary: "The server's disk stands still for 0.4 s in each half second.",
    kinds: ['outside'],
    begin: [{ do: 'disk', state: 'slow' }],
  },
  'disk-stuck': {
    summary: "The server's disk takes no more writes.",
    kinds: ['outside'],
    begin: [{ do: 'disk', state: 'stuck' }],
  },
  'disk-full': {
    summary: "The server's disk is full.",
    kinds: ['outside', 'normal'],
    begin: [{ do: 'disk', state: 'full' }],
  },
  restart: {
    summary: 'The server is restarted.',
    kinds: ['outside', 'normal'],
    begin: [{ do: 'restart' }],
  },
  paused: {
    summary: 'The machine stands still: all processes are stopped and go on after five seconds.',
    kinds: ['outside'],
    begin: [{ do: 'freeze', frozen: true }],
    seconds: 5,
  },
} as const satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;

/** A window for each fault named: twenty normal seconds, then the fault. */
export function blamelessWindows(names: readonly FaultName[]): Blameless[] {
  return names.map((name) => {
    const { summary, kinds, begin, ...rest }: Fault = FAULTS[name];
    const steps = begin.map((action) => ({ at: FAULT_AT, action }));
    if (rest.seconds !== undefined) {
      steps.push({ at: FAULT_AT + rest.seconds, action: { do: 'freeze', frozen: false } });
    }
    return { id: name, fault: name, summary, kinds, seconds: SECONDS, faultAt: FAULT_AT, steps };
  });
}

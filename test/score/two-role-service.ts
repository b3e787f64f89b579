/** A small service with two roles of threads: one answers requests in parts, the other keeps the journal. */
import { mine } from '../../signatures/mine.ts';
import type { SignatureSet } from '../../signatures/signature-set.ts';
import { randomNumbers } from '../inference/sample-service.ts';
import { type ScriptedCall, scriptedTrace } from '../trace/scripted-trace.ts';

const CONNECTION = 7;
const EPOLL = 3;
const JOURNAL = 9;
const ANSWERING = 0;
const JOURNALLING = 1;

const REQUEST_NS = 20e6;
const STEP_NS = 20_000;
const EAGAIN = -11;
const ENOSPC = -28;

const ONSET_NS = 20e9;
const END_NS = 30e9;

function normal(requests: number, seed: number): ScriptedCall[] {
  const random = randomNumbers(seed);
  const calls: ScriptedCall[] = [];
  for (let request = 0; request < requests; request++) {
    let at = request * REQUEST_NS;
    const add = (
      thread: number,
      call: string,
      stack: readonly string[],
      more: Partial<ScriptedCall> = {},
    ) => {
      calls.push({ thread, call, at, stack, ...more });
      at += STEP_NS;
    };
    calls.push({
      thread: ANSWERING,
      call: 'epoll_wait',
      at,
      duration: 8e6,
      fd: EPOLL,
      stack: ['main', 'event_loop'],
    });
    at += 8e6 + STEP_NS;
    const answer = ['main', 'event_loop', 'answer_request'];
    add(ANSWERING, 'recvfrom', [...answer, 'receive'], { fd: CONNECTION, result: 120 });
    add(ANSWERING, 'newfstatat', [...answer, 'look_up'], { result: 0 });
    for (let part = random() < 0.5 ? 1 : 3; part > 0; part--) {
      add(ANSWERING, 'sendto', [...answer, 'send_all', 'send_part'], { fd: CONNECTION, result: 4_096 });
    }
    add(JOURNALLING, 'write', ['journal_thread', 'append_entry'], { fd: JOURNAL, result: 64 });
    if (random() < 0.5) {
      add(JOURNALLING, 'fdatasync', ['journal_thread', 'append_entry', 'flush'], { fd: JOURNAL, result: 0 });
    }
    add(JOURNALLING, 'clock_nanosleep', ['journal_thread', 'rest'], { result: 0, duration: 5e6 });
  }
  return calls;
}

const withoutStacks = (calls: readonly ScriptedCall[]) => calls.map(({ stack: _, ...call }) => call);

export function twoRoleSignatures(): Promise<SignatureSet> {
  return mine(
    [1, 2].map((seed) => ({ name: `profile-${seed}`, trace: scriptedTrace(normal(1_500, seed)) })),
    { service: 'two-roles' },
  );
}

const good = () => withoutStacks(normal(1_000, 71));

/** `answer_request` asks a client that says nothing more for its request, and looks it up, again and again. */
export function askingForEver(): ScriptedCall[] {
  const loop: ScriptedCall[] = [];
  for (let at = ONSET_NS; at < END_NS; at += 1e6) {
    loop.push({ thread: ANSWERING, call: 'recvfrom', at, fd: CONNECTION, result: EAGAIN });
    loop.push({ thread: ANSWERING, call: 'newfstatat', at: at + STEP_NS, result: 0 });
  }
  return [...good(), ...loop];
}

/** The client takes no more and the disk is full: `send_all` and, more slowly, `append_entry` try again for ever. */
export function retryingInBothRoles(): ScriptedCall[] {
  const loop: ScriptedCall[] = [];
  for (let at = ONSET_NS; at < END_NS; at += 1e6) {
    loop.push({ thread: ANSWERING, call: 'sendto', at, fd: CONNECTION, result: EAGAIN });
  }
  for (let at = ONSET_NS; at < END_NS; at += 1.5e6) {
    loop.push({ thread: JOURNALLING, call: 'write', at, fd: JOURNAL, result: ENOSPC });
  }
  return [...good(), ...loop];
}

/** What to do now, by verdict: first keep the evidence, then help the users, then fix. */
import type { Scope } from './incident.ts';
import type { Verdict } from './report.ts';

const KEEP: Record<Exclude<Verdict, 'normal'>, string> = {
  hang: 'Before a restart, keep the evidence: `gdb -p PID -batch -ex "thread apply all bt"` (or jstack, or node --inspect) shows where the stuck thread waits.',
  spin: 'Before a restart, keep the evidence: `perf record -g -p PID -- sleep 5` or a few stack dumps show the loop that the suspects point to.',
  slowdown:
    'Compare with the last deployment and the load: a slowdown that began with either points there first. Keep the trace; it holds the evidence.',
};

const HELP: Record<Scope, string> = {
  none: '',
  unknown: 'Check whether other nodes show the same; only this node has reported so far.',
  'one-node':
    'Only one node is affected: take it out of the load balancer, keep the process for the developers, and the service recovers.',
  'several-nodes':
    'Several nodes are affected, others are healthy: restart or replace the affected ones one after the other, and keep one for the developers.',
  fleet:
    'The whole fleet is affected: restarts will likely bring it back only for a while. Roll back the last change, or block the requests that trigger it.',
};

export function adviceFor(verdict: Verdict, scope: Scope): readonly string[] {
  if (verdict === 'normal')
    return ['Nothing abnormal was found in the system calls of this window: look elsewhere first.'];
  return [
    HELP[scope],
    KEEP[verdict],
    'Hand the suspects to the developers: the report names the calls behind each.',
  ].filter((line) => line !== '');
}

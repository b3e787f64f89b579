/**
 * The text of a sched:sched_switch event, in the kernel's form (include/trace/events/sched.h)
 * `prev_comm=a prev_pid=1 prev_prio=120 prev_state=S ==> next_comm=b next_pid=2 next_prio=120`
 * or that of libtraceevent's plugin `a:1 [120] S ==> b:2 [120]`. Both are matched around the arrow and from the
 * right, because thread names may hold anything.
 */
const KERNEL_FORM = /prev_pid=(\d+) prev_prio=-?\d+ prev_state=(\S+) ==> .*next_pid=(\d+) next_prio=-?\d+$/;
const PLUGIN_FORM = /:(\d+) \[-?\d+\] (\S+) ==> .*:(\d+) \[-?\d+\]$/;

export interface SchedSwitch {
  readonly previousTid: number;
  readonly nextTid: number;
  /** True where the previous thread was still runnable: R, or R+ for preempted. */
  readonly runnable: boolean;
  /** True where the previous thread is dead (X, Z: exit states of include/linux/sched.h) and will not run again. */
  readonly dead: boolean;
}

export function parseSchedSwitch(text: string): SchedSwitch | null {
  const match = KERNEL_FORM.exec(text) ?? PLUGIN_FORM.exec(text);
  if (match === null) return null;
  const [, previous, state = '', next] = match;
  return {
    previousTid: Number(previous),
    nextTid: Number(next),
    runnable: state.startsWith('R'),
    dead: state.startsWith('X') || state.startsWith('Z'),
  };
}

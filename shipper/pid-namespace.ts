import { readlinkSync } from 'node:fs';

/** The initial namespace's inode, fixed in the kernel: PROC_PID_INIT_INO, include/linux/proc_ns.h. */
const INITIAL = 'pid:[4026531836]';

export const PID_NAMESPACE_REMEDY =
  'set hostPID: true (EKS) or pidMode: host (ECS), or record with --recorder strace';

/** Whether the ids that /proc shows here are those that tracefs takes (set_event_pid) and gives. */
export function inInitialPidNamespace(): boolean {
  try {
    return readlinkSync('/proc/self/ns/pid') === INITIAL;
  } catch {
    return true; // a kernel without namespaces
  }
}

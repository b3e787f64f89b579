/** Whether all of the window is abnormal: then the trouble began before it, and nobody can say when. */
export function beganBefore(onset: number | null, windowStart: number): boolean {
  return onset !== null && onset <= windowStart;
}

/** The calls that `coverage` is a share of: those before the onset, or all where nothing came before it. */
export function knownCalls(onset: number | null, windowStart: number): string {
  return onset === null || beganBefore(onset, windowStart)
    ? "the window's system calls"
    : 'the system calls before the onset';
}

/** The calls that `coverage` is a share of: those before the onset, or all where nothing came before it. */
export function knownCalls(onset: number | null, windowStart: number): string {
  return onset === null || onset <= windowStart
    ? "the window's system calls"
    : 'the system calls before the onset';
}

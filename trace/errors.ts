/** Thrown when nothing usable is left of an input: the message says what was expected and how to record it. */
export class TraceError extends Error {
  override readonly name = 'TraceError';
}

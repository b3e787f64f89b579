/**
 * Thrown where the node or the call is not as it must be; the message says what was expected, what was found and
 * what to do.
 */
export class ShipperError extends Error {
  override readonly name: string = 'ShipperError';
}

/** The command line itself is wrong: it will be as wrong at the next try, which an init system should not make. */
export class UsageError extends ShipperError {
  override readonly name = 'UsageError';
}

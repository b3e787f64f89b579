/**
 * Thrown where the node or the call is not as it must be; the message says what was expected, what was found and
 * what to do.
 */
export class ShipperError extends Error {
  override readonly name = 'ShipperError';
}

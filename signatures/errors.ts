/** Thrown for a profile that cannot be mined or a signature set that cannot be read: says what to do. */
export class SignatureError extends Error {
  override readonly name = 'SignatureError';
}

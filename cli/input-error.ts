/** Bad input that no reader is about (a file that cannot be written, an option's file): one line, exit code 1. */
export class InputError extends Error {
  override readonly name = 'InputError';
}

/** What AWS refuses (credentials, rights, names) is for the user to mend, not a fault of this program. */
import { KeyError } from '../lambda/keys.ts';
import { InputError } from './input-error.ts';

/** Runs a command's AWS part; refusals become one line that says what was tried. */
export async function withAws<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof KeyError) throw new InputError(error.message, { cause: error });
    if (!(error instanceof Error) || !isFromAws(error)) throw error;
    throw new InputError(
      `${what}: ${error.name}: ${error.message}. Check AWS_PROFILE, AWS_REGION and the rights of these credentials`,
      { cause: error },
    );
  }
}

function isFromAws(error: Error): boolean {
  return (
    '$metadata' in error ||
    error.name === 'CredentialsProviderError' ||
    /region is missing/i.test(error.message)
  );
}

import { pause } from './pause.ts';

/** How long S3 is asked again for one thing. What it answers starts the wait for the next thing anew. */
export interface Patience {
  /** Without an answer of use; zero: one try. */
  readonly seconds: number;
  readonly onRetry: (error: Error, waitSeconds: number) => void;
  /** Ends waits and the try that is under way. */
  readonly signal?: AbortSignal;
}

/** Waits between tries; each command's own tries (the SDK's) come on top. */
const FIRST_WAIT_SECONDS = 1;
const LONGEST_WAIT_SECONDS = 15;

/** Who asks for one try does not ask for one that never ends: a part takes this long at 0.2 Mbit/s. */
const ONE_TRY_SECONDS = 300;

/** Answers that will be the same a minute later: no try is worth anything until somebody changes a setting. */
const FINAL_ERRORS = new Set([
  'AccessDenied',
  'InvalidAccessKeyId',
  'InvalidBucketName',
  'NoSuchBucket',
  'NoSuchUpload',
  'PermanentRedirect',
  'SignatureDoesNotMatch',
]);

export function isFinal(error: unknown): boolean {
  return FINAL_ERRORS.has((error as Error).name);
}

/** Tries until S3 takes it, its answer is final, or the patience is at its end; then the last error is thrown. */
export async function patiently<T>(
  patience: Patience,
  send: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const started = performance.now();
  const left = () => patience.seconds - (performance.now() - started) / 1000;
  let last: unknown = null;
  for (let wait = FIRST_WAIT_SECONDS; ; wait = Math.min(LONGEST_WAIT_SECONDS, wait * 2)) {
    const timeout = AbortSignal.timeout(milliseconds(patience.seconds === 0 ? ONE_TRY_SECONDS : left()));
    try {
      return await send(
        patience.signal === undefined ? timeout : AbortSignal.any([timeout, patience.signal]),
      );
    } catch (error) {
      // An abort says nothing; what S3 answered before it does.
      const told = timeout.aborted
        ? (last ?? new NoAnswer(patience.seconds || ONE_TRY_SECONDS, error))
        : error;
      if (timeout.aborted || isFinal(error) || patience.signal?.aborted || left() < wait) throw told;
      last = error;
      patience.onRetry(error as Error, wait);
    }
    await pause(wait, patience.signal);
  }
}

/** Timers take whole milliseconds of 31 bits (nodejs.org/api/timers.html, setTimeout). */
function milliseconds(seconds: number): number {
  return Math.min(2 ** 31 - 1, Math.max(1, Math.ceil(seconds * 1000)));
}

class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
  constructor(seconds: number, cause: unknown) {
    super(`S3 did not answer within ${seconds} s`, { cause });
  }
}

import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { InputError } from './input-error.ts';

/** What stands for standard output in place of a file's name. */
const STANDARD_OUTPUT = '-';

/**
 * Writes a file in one step: beside its place first, then renamed, so that nobody ever sees half of it and a
 * failed run leaves the old one alone. A name that ends in .gz is compressed; `-` is standard output.
 */
export function writeOutput(path: string, text: string): void {
  if (path === STANDARD_OUTPUT) {
    process.stdout.write(text);
    return;
  }
  let folder: string | null = null;
  // While there is a handler, Ctrl-C waits until this function is through, and leaves nothing half-written.
  process.on('SIGINT', stayUntilWritten);
  try {
    folder = mkdtempSync(join(dirname(path), '.perfscope-'));
    const draft = join(folder, basename(path));
    writeFileSync(draft, path.endsWith('.gz') ? gzipSync(text) : text);
    renameSync(draft, path);
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new InputError(
      `${path}: cannot be written (${reason}); give the name of a file in a folder you may write`,
      {
        cause: error,
      },
    );
  } finally {
    if (folder !== null) rmSync(folder, { recursive: true, force: true });
    process.off('SIGINT', stayUntilWritten);
  }
}

function stayUntilWritten(): void {}

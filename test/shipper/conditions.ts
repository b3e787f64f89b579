import type { Readable } from 'node:stream';

/** Waits until something is so, however long that takes on a busy machine. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Collects what a process prints. */
export function output(stream: Readable): { readonly text: () => string } {
  let text = '';
  stream.on('data', (bytes: Buffer) => {
    text += bytes;
  });
  return { text: () => text };
}

/** Tells on standard error how far long work has come; silent where nobody watches (no terminal). */
export interface Progress {
  /** Shows a line in place of the one before. */
  show(message: string): void;
  /** Clears the line, before other output. */
  clear(): void;
}

/** A terminal is not redrawn more often than this. */
const REDRAW_MS = 100;

const CLEAR_LINE = '\r\x1b[K';

export function createProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  if (!stream.isTTY) return { show: () => {}, clear: () => {} };
  let shownAt = 0;
  let shown = false;
  return {
    show(message) {
      const now = performance.now();
      if (shown && now - shownAt < REDRAW_MS) return;
      shownAt = now;
      shown = true;
      stream.write(`${CLEAR_LINE}${message.slice(0, stream.columns - 1)}`);
    },
    clear() {
      if (shown) stream.write(CLEAR_LINE);
      shown = false;
    },
  };
}

/** `reading trace.gz: 42 %`; without a total, in megabytes. */
export function readingMessage(name: string, bytesRead: number, totalBytes: number | null): string {
  const amount =
    totalBytes === null || totalBytes === 0
      ? `${(bytesRead / 1e6).toFixed(0)} MB`
      : `${Math.min(100, Math.floor((100 * bytesRead) / totalBytes))} %`;
  return `reading ${name}: ${amount}`;
}

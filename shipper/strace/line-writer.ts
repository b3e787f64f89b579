import { mkdir, open } from 'node:fs/promises';
import { FILE_BYTES, forgetStraceFiles, newStraceFile } from './trace-files.ts';

/**
 * Writes the recorder's lines into files in rotation, and never makes it wait or fail: strace holds the service at
 * each call until its line is read, so that a full, broken or hanging disk would stop the service. What the disk
 * does not take is dropped, counted and reported.
 */
export interface LineWriter {
  write(line: string): void;
  /** Writes what is left. */
  close(): Promise<void>;
  /** Handed in so far, also those that were then dropped. */
  readonly lines: number;
  readonly dropped: number;
}

export interface WriterOptions {
  readonly directory: string;
  readonly mostBytes: number;
  readonly depthSeconds: number;
  readonly report: (line: string) => void;
  /** Appends to a file (default: of the file system). */
  readonly openFile?: (path: string) => Promise<TextFile>;
}

export interface TextFile {
  append(text: string): Promise<void>;
  close(): Promise<void>;
}

/** Bytes that are collected before they are written. */
const WRITE_BYTES = 64 * 1024;
/** What was collected is written after this time at the latest: a kill loses no more. */
const WRITE_MILLISECONDS = 500;
/** What waits for a slow disk; beyond it, lines are dropped. */
const MOST_WAITING_BYTES = 4 * 1024 * 1024;

export function lineWriter(options: WriterOptions): LineWriter {
  const { directory, report, openFile = appendTo } = options;
  let file: TextFile | null = null;
  let fileBytes = 0;
  let waiting: string[] = [];
  let waitingBytes = 0;
  let writing: Promise<void> | null = null;
  let lines = 0;
  let dropped = 0;
  /** Lines dropped since the disk last took some; null while it takes them. */
  let droppedNow: number | null = null;

  const timer = setInterval(flush, WRITE_MILLISECONDS);
  timer.unref();

  function flush(): void {
    if (writing !== null || waiting.length === 0) return;
    const batch = waiting;
    waiting = [];
    waitingBytes = 0;
    writing = put(batch)
      .then(took, (error: NodeJS.ErrnoException) => drop(batch.length, error.code ?? error.message))
      .then(() => {
        writing = null;
        if (waitingBytes >= WRITE_BYTES) flush();
      });
  }

  async function put(batch: readonly string[]): Promise<void> {
    const now = Date.now();
    if (file !== null && fileBytes > FILE_BYTES) {
      const full = file;
      file = null;
      await full.close();
      await forgetStraceFiles(directory, options.mostBytes, now - options.depthSeconds * 1000);
    }
    if (file === null) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      file = await openFile(newStraceFile(directory, now));
      fileBytes = 0;
    }
    // What failed before may have left half a line.
    const text = `${droppedNow === null ? '' : '\n'}${batch.join('\n')}\n`;
    await file.append(text);
    fileBytes += text.length;
  }

  function took(): void {
    if (droppedNow !== null) report(`${directory} takes lines again; ${droppedNow} were dropped`);
    droppedNow = null;
  }

  function drop(count: number, reason: string): void {
    dropped += count;
    if (droppedNow === null) {
      report(`could not write to ${directory} (${reason}): lines are dropped until it can be written again`);
    }
    droppedNow = (droppedNow ?? 0) + count;
  }

  return {
    write(line) {
      lines++;
      if (waitingBytes + line.length > MOST_WAITING_BYTES) {
        drop(1, 'the disk does not keep up');
        return;
      }
      waiting.push(line);
      waitingBytes += line.length + 1;
      if (waitingBytes >= WRITE_BYTES) flush();
    },
    async close() {
      clearInterval(timer);
      while (writing !== null || waiting.length > 0) {
        flush();
        await writing;
      }
      await file?.close().catch(() => {}); // what it had was written, or reported as dropped
    },
    get lines() {
      return lines;
    },
    get dropped() {
      return dropped;
    },
  };
}

async function appendTo(path: string): Promise<TextFile> {
  const file = await open(path, 'a', 0o600);
  return { append: (text) => file.appendFile(text), close: () => file.close() };
}

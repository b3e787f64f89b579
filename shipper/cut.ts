import type { Armed, Directories } from './armed.ts';
import type { readClockPair, WantedWindow } from './clock.ts';

/** What a recorder is asked for. */
export interface CutRequest {
  readonly directories: Directories;
  readonly armed: Armed;
  readonly incident: string;
  readonly alarmAt: string | null;
  readonly requestedSeconds: number;
  readonly clock: ReturnType<typeof readClockPair>;
  readonly window: WantedWindow;
}

/** A trace as it leaves a recorder: what it is called, and its bytes, which may be asked for again. */
export interface CutFile {
  readonly file: string;
  readonly chunks: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  readonly warnings: readonly string[];
  /** The same moment by the trace's own clock and by the time of day. */
  readonly clock: { readonly traceSeconds: number; readonly realtimeSeconds: number };
}

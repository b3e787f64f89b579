import {
  END,
  NUMBER,
  RESULT,
  type Ring,
  START,
  SWITCH,
  TID,
  TIMES,
  VALUE,
  WORDS,
} from '../../trace/readers/trace-dat/ring-records.ts';
import { OPEN } from '../../trace/trace.ts';

/** An event as the kernel wrote it. */
export interface RecordedEvent {
  readonly kind: 'enter' | 'exit' | 'switch';
  readonly timeNs: number;
  readonly tid: number;
  readonly call: number;
  /** First argument, result, or the thread that got the CPU. */
  readonly value: number;
}

/** Takes the records of a ring apart into its events; not in order. */
export function* eventsOf({ chunks }: Ring): Generator<RecordedEvent> {
  for (const chunk of chunks) {
    for (let i = 0; i < (chunk?.length ?? 0); i++) {
      const timeNs = chunk!.times[i * TIMES + START]!;
      const endNs = chunk!.times[i * TIMES + END]!;
      const tid = chunk!.words[i * WORDS + TID]!;
      const call = chunk!.words[i * WORDS + NUMBER]!;
      const value = chunk!.words[i * WORDS + VALUE]!;
      const result = chunk!.words[i * WORDS + RESULT]!;
      if (call === SWITCH) yield { kind: 'switch', timeNs, tid, call: 0, value };
      else if (call < 0) yield { kind: 'exit', timeNs, tid, call: ~call, value: result };
      else {
        yield { kind: 'enter', timeNs, tid, call, value };
        if (endNs !== OPEN) yield { kind: 'exit', timeNs: endNs, tid, call, value: result };
      }
    }
  }
}

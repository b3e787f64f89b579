/**
 * Runs inference on a thread of its own. The method is one long synchronous computation: on the main thread no timer
 * would fire until it ends, and a trace too large for the function's time would be cut off by Lambda with nothing
 * saved. Columns are transferred, not copied.
 */
import { type ResourceLimits, Worker } from 'node:worker_threads';
import type { Report } from '../report/report.ts';
import type { SignatureSet } from '../signatures/signature-set.ts';
import { buffersOf } from '../trace/columns.ts';
import type { Trace } from '../trace/trace.ts';
import type { InferenceRunner } from './ports.ts';

export interface InferenceTask {
  readonly trace: Trace;
  readonly signatures: SignatureSet | null;
}

export type InferenceOutcome =
  | { readonly report: Report }
  | { readonly error: { readonly name: string; readonly message: string; readonly stack: string } };

/** The bundle holds JavaScript beside the handler; a checkout holds TypeScript. */
const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './inference-worker.ts' : './inference-worker.mjs',
  import.meta.url,
);

/** The thread's heap has V8's own limits unless others are given; columns lie outside of it. */
export function createInferenceThread(resourceLimits: ResourceLimits = {}): InferenceRunner {
  return {
    async run(trace, signatures, signal): Promise<Report> {
      signal.throwIfAborted();
      const task: InferenceTask = { trace, signatures };
      const worker = new Worker(WORKER, {
        workerData: task,
        transferList: buffersOf(trace),
        resourceLimits,
      });
      try {
        return await new Promise<Report>((resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason), { once: true });
          worker.once('error', reject);
          worker.once('exit', (code) =>
            reject(new Error(`the inference thread ended with code ${code} and no report`)),
          );
          worker.once('message', (outcome: InferenceOutcome) => {
            if ('report' in outcome) resolve(outcome.report);
            else reject(Object.assign(new Error(outcome.error.message), outcome.error));
          });
        });
      } finally {
        await worker.terminate();
      }
    },
  };
}

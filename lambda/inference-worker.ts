/** The other side of inference-thread.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { infer } from '../inference/infer.ts';
import { writeReport } from '../report/write-report.ts';
import type { InferenceOutcome, InferenceTask } from './inference-thread.ts';

const { trace, signatures } = workerData as InferenceTask;

function run(): InferenceOutcome {
  try {
    return { report: writeReport(infer(trace, signatures)) };
  } catch (error) {
    const { name, message, stack = '' } = error instanceof Error ? error : new Error(String(error));
    return { error: { name, message, stack } };
  }
}

parentPort?.postMessage(run());

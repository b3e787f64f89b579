/**
 * The function. Everything that can fail for good (configuration) does so at start; what is left is told apart by the
 * event's shape (events/) and done by a use case (answer-caller.ts).
 */
import { randomUUID } from 'node:crypto';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { type Answer, answerCaller } from './answer-caller.ts';
import { readConfiguration } from './configuration.ts';
import { readEvent } from './events/accepted.ts';
import { logger, metrics, observer } from './observer.ts';
import { createClients } from './stores/clients.ts';
import { wirePorts } from './wiring.ts';

/** Kept free at the end of the function's time to save an unfinished report, tell the incident and flush metrics. */
const RESERVE_MILLISECONDS = 15_000;
/** A function with little time left spends at least half of it on the analysis. */
const LEAST_ANALYSIS_SHARE = 0.5;

const configuration = readConfiguration(process.env);
const ports = wirePorts(configuration, createClients(), observer);

async function answer(event: unknown, context: Context): Promise<Answer> {
  const remaining = context.getRemainingTimeInMillis();
  const analysis = Math.max(remaining - RESERVE_MILLISECONDS, remaining * LEAST_ANALYSIS_SHARE);
  // Not the request id: Lambda's own retries of an event keep it, and a retry must not pass for its dead predecessor.
  const invocation = {
    token: randomUUID(),
    deadline: AbortSignal.timeout(Math.max(0, Math.floor(analysis))),
  };
  const caller = readEvent(event);
  observer.count('Events', 1);
  return answerCaller(ports, configuration, caller, invocation);
}

export const handler = middy<unknown, Answer>({ timeoutEarlyInMillis: 0 })
  .use(injectLambdaContext(logger, { resetKeys: true }))
  .use(logMetrics(metrics, { captureColdStartMetric: true }))
  .handler(answer);

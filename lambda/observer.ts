/**
 * Logs and metrics by Powertools: one JSON line a fact, one EMF line with all metrics at the end.
 * https://docs.powertools.aws.dev/lambda/typescript/latest/
 */
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { Measure, Observer } from './ports.ts';

export const METRICS_NAMESPACE = 'PerfScope';
export const SERVICE_NAME = 'perfscope';

const UNITS = {
  Milliseconds: MetricUnit.Milliseconds,
  Count: MetricUnit.Count,
  Bytes: MetricUnit.Bytes,
} as const satisfies Record<Measure, string>;

export const logger = new Logger({ serviceName: SERVICE_NAME });
export const metrics = new Metrics({ namespace: METRICS_NAMESPACE, serviceName: SERVICE_NAME, logger });

export const observer: Observer = {
  info: (message, fields = {}) => logger.info(message, { ...fields }),
  warn: (message, fields = {}) => logger.warn(message, { ...fields }),
  error: (message, fields = {}) => logger.error(message, { ...fields }),
  // `service` is Powertools' own field and names this function.
  about: ({ service, ...fields }) =>
    logger.appendKeys({ ...fields, ...(service === undefined ? {} : { tracedService: service }) }),
  measure: (name, unit, value) => metrics.addMetric(name, UNITS[unit], value),
  async stage(name, run) {
    const started = performance.now();
    try {
      return await run();
    } catch (error) {
      logger.warn('a stage failed', { stage: name, error });
      throw error;
    } finally {
      metrics.addMetric(stageMetric(name), MetricUnit.Milliseconds, performance.now() - started);
    }
  },
};

/** `infer` → `InferDuration`. */
function stageMetric(stage: string): string {
  return `${stage.charAt(0).toUpperCase()}${stage.slice(1)}Duration`;
}

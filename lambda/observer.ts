/**
 * Logs and metrics by Powertools: one JSON line a fact, one EMF line with all metrics at the end.
 * https://docs.powertools.aws.dev/lambda/typescript/latest/
 */
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { METRICS_NAMESPACE, METRICS_SERVICE, STAGE_METRICS } from './metrics.ts';
import type { Observer } from './ports.ts';

export const logger = new Logger({ serviceName: METRICS_SERVICE });
export const metrics = new Metrics({ namespace: METRICS_NAMESPACE, serviceName: METRICS_SERVICE, logger });

export const observer: Observer = {
  info: (message, fields = {}) => logger.info(message, { ...fields }),
  warn: (message, fields = {}) => logger.warn(message, { ...fields }),
  error: (message, fields = {}) => logger.error(message, { ...fields }),
  // `service` is Powertools' own field and names this function.
  about: ({ service, ...fields }) =>
    logger.appendKeys({ ...fields, ...(service === undefined ? {} : { tracedService: service }) }),
  count: (name, value) => metrics.addMetric(name, MetricUnit.Count, value),
  async stage(name, run) {
    const started = performance.now();
    try {
      return await run();
    } catch (error) {
      logger.warn('a stage failed', { stage: name, error });
      throw error;
    } finally {
      metrics.addMetric(STAGE_METRICS[name], MetricUnit.Milliseconds, performance.now() - started);
    }
  },
};

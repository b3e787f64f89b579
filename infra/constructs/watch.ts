import { Duration } from 'aws-cdk-lib';
import {
  type Alarm,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  type IMetric,
  Metric,
  SingleValueWidget,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import {
  COLD_START_METRIC,
  METRICS_NAMESPACE,
  METRICS_SERVICE,
  type MetricName,
  STAGE_METRICS,
  VERDICT_METRICS,
} from '../../lambda/metrics.ts';
import type { Queues } from './queues.ts';

interface WatchProps {
  readonly fn: LambdaFunction;
  readonly queues: Queues;
  readonly platform: ITopic;
  readonly timeoutSeconds: number;
}

/** Share of the timeout from which on traces have grown too large for the function. */
const SLOW_SHARE = 0.8;

const PERIOD = Duration.minutes(5);

/** PerfScope's own alarms and dashboard. */
export class Watch extends Construct {
  constructor(scope: Construct, id: string, props: WatchProps) {
    super(scope, id);
    const { fn, queues, timeoutSeconds } = props;
    const deadLetters = queues.deadLetters.metricApproximateNumberOfMessagesVisible({ period: PERIOD });
    const slow = fn.metricDuration({ period: PERIOD, statistic: Stats.MAXIMUM });
    const alarms = [
      alarm(
        this,
        'DeadLetters',
        deadLetters,
        1,
        'Events failed for good. Look at the function logs, then run: perfscope replay',
      ),
      alarm(
        this,
        'Throttles',
        fn.metricThrottles({ period: PERIOD }),
        1,
        'The function was throttled: raise the concurrency ceiling',
      ),
      alarm(
        this,
        'NearTimeout',
        slow,
        timeoutSeconds * 1000 * SLOW_SHARE,
        'An analysis took most of the time it has: raise memory (which brings CPU) or the timeout',
      ),
      alarm(
        this,
        'NoTrace',
        own('IncidentsWithoutTrace', Stats.SUM),
        1,
        'An alarm opened an incident, but no node shipped: check the SSM agent and `perfscope check` on the nodes',
      ),
      alarm(
        this,
        'UnreadableItems',
        own('UnreadableItems', Stats.SUM),
        1,
        'Items of the incidents table are of another version, or damaged: the log names them; run their incidents again',
      ),
    ];
    for (const it of alarms) it.addAlarmAction(new SnsAction(props.platform));
    new Dashboard(this, 'Dashboard', { widgets: dashboard(fn, queues) });
  }
}

function alarm(scope: Construct, id: string, metric: Metric, threshold: number, description: string): Alarm {
  return metric.createAlarm(scope, id, {
    threshold,
    evaluationPeriods: 1,
    comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    treatMissingData: TreatMissingData.NOT_BREACHING,
    alarmDescription: `PerfScope: ${description}.`,
  });
}

function own(metricName: MetricName, statistic: string): Metric {
  return new Metric({
    namespace: METRICS_NAMESPACE,
    metricName,
    statistic,
    period: PERIOD,
    dimensionsMap: { service: METRICS_SERVICE },
  });
}

/** Powertools counts cold starts by function as well. */
function coldStarts(fn: LambdaFunction): Metric {
  return own(COLD_START_METRIC, Stats.SUM).with({
    dimensionsMap: { service: METRICS_SERVICE, function_name: fn.functionName },
  });
}

function dashboard(fn: LambdaFunction, queues: Queues) {
  const graph = (title: string, left: IMetric[]) => new GraphWidget({ title, left, width: 12 });
  return [
    [
      new SingleValueWidget({
        title: 'Reports by verdict',
        metrics: Object.values(VERDICT_METRICS).map((name) => own(name, Stats.SUM)),
        width: 12,
        sparkline: true,
      }),
      graph(
        'Time by stage (p95)',
        Object.values(STAGE_METRICS).map((name) => own(name, Stats.percentile(95))),
      ),
    ],
    [
      graph('Function', [
        fn.metricInvocations(),
        fn.metricErrors(),
        fn.metricThrottles(),
        coldStarts(fn),
        own('Events', Stats.SUM),
      ]),
      graph('Input', [own('SystemCalls', Stats.SUM), own('LostEvents', Stats.SUM)]),
    ],
    [
      graph('Queues', [
        queues.followUps.metricApproximateNumberOfMessagesVisible(),
        queues.deadLetters.metricApproximateNumberOfMessagesVisible(),
      ]),
      graph('Suspects per report', [own('Suspects', Stats.AVERAGE)]),
    ],
  ];
}

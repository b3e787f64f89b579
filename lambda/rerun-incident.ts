/** The use case behind `{"incident":"…"}`: infer again on every trace of an incident, as after publishing signatures. */
import { TraceError } from '../trace/errors.ts';
import { type AnalysedTrace, analyseTrace, type Invocation, RequestError } from './analyse-trace.ts';
import type { Configuration } from './configuration.ts';
import { formatIncidentId, type IncidentId, incidentTracesPrefix } from './keys.ts';
import type { Ports } from './ports.ts';

interface RerunIncident {
  readonly analysed: readonly AnalysedTrace[];
  /** Traces without a verdict: they do not hold up the others. */
  readonly failed: readonly { readonly trace: string; readonly problem: string }[];
}

export async function rerunIncident(
  ports: Ports,
  configuration: Configuration,
  id: IncidentId,
  invocation: Invocation,
): Promise<RerunIncident> {
  const bucket = configuration.tracesBucket;
  const keys = await ports.traces.list(bucket, incidentTracesPrefix(id));
  if (keys.length === 0)
    throw new RequestError(
      `no traces of the incident ${formatIncidentId(id)} are stored: expected objects under s3://${bucket}/${incidentTracesPrefix(id)}. Traces expire after the stack's retention`,
    );
  const analysed: AnalysedTrace[] = [];
  const failed: { trace: string; problem: string }[] = [];
  // One after the other: a trace may take most of the function's memory.
  for (const key of keys) {
    const request = { bucket, key, service: id.service, again: true };
    try {
      analysed.push(await analyseTrace(ports, configuration, request, invocation));
    } catch (error) {
      if (!isOfTheTrace(error) || invocation.deadline.aborted) throw error;
      failed.push({ trace: `s3://${bucket}/${key}`, problem: error.message });
    }
  }
  return { analysed, failed };
}

/** What is wrong with one trace says nothing about the next; what is wrong with AWS does. */
function isOfTheTrace(error: unknown): error is Error {
  return error instanceof TraceError || error instanceof RequestError;
}

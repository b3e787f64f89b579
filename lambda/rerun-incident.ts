/** The use case behind `{"incident":"…"}`: infer again on every trace of an incident, as after publishing signatures. */
import { type AnalysedTrace, analyseTrace, type Invocation, RequestError } from './analyse-trace.ts';
import type { Configuration } from './configuration.ts';
import { formatIncidentId, type IncidentId, incidentTracesPrefix } from './keys.ts';
import type { Ports } from './ports.ts';

export async function rerunIncident(
  ports: Ports,
  configuration: Configuration,
  id: IncidentId,
  invocation: Invocation,
): Promise<readonly AnalysedTrace[]> {
  const keys = await ports.traces.list(configuration.tracesBucket, incidentTracesPrefix(id));
  if (keys.length === 0)
    throw new RequestError(
      `no traces of the incident ${formatIncidentId(id)} are stored: expected objects under s3://${configuration.tracesBucket}/${incidentTracesPrefix(id)}. Traces expire after the stack's retention`,
    );
  const analysed: AnalysedTrace[] = [];
  // One after the other: a trace may take most of the function's memory.
  for (const key of keys) {
    analysed.push(
      await analyseTrace(
        ports,
        configuration,
        { bucket: configuration.tracesBucket, key, service: id.service, again: true },
        invocation,
      ),
    );
  }
  return analysed;
}

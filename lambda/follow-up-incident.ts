/** The use case behind our own delayed message: finish what is unfinished, settle what has settled. */
import type { Invocation } from './analyse-trace.ts';
import type { Configuration } from './configuration.ts';
import type { IncidentId } from './keys.ts';
import type { Ports } from './ports.ts';
import { type IncidentProgress, progressIncident } from './progress-incident.ts';

export async function followUpIncident(
  ports: Ports,
  configuration: Configuration,
  id: IncidentId,
  invocation: Invocation,
): Promise<IncidentProgress> {
  ports.observer.about({ service: id.service, incident: id.incident });
  const progress = await progressIncident(ports, configuration, id, invocation.token);
  if (!progress.atRest) await ports.followUps.schedule(id, configuration.followUpSeconds);
  else if (progress.reports === 0) {
    ports.observer.error('the alarm opened an incident, but no node has shipped a trace');
    ports.observer.count('IncidentsWithoutTrace', 1);
  }
  return progress;
}

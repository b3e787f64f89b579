/** The use case behind our own delayed message: finish what is unfinished, settle what has settled. */
import type { Invocation } from './analyse-trace.ts';
import type { Configuration } from './configuration.ts';
import type { IncidentId } from './keys.ts';
import type { Ports } from './ports.ts';
import { needsFollowUp, type Progress, progressIncident } from './progress-incident.ts';

export async function followUp(
  ports: Ports,
  configuration: Configuration,
  id: IncidentId,
  invocation: Invocation,
): Promise<Progress> {
  ports.observer.about({ service: id.service, incident: id.incident });
  const progress = await progressIncident(ports, configuration, id, invocation.token);
  const state = await ports.incidents.read(id);
  const now = ports.clock.now();
  if (needsFollowUp(configuration, state, now))
    await ports.followUps.schedule(id, configuration.followUpSeconds);
  else if (state.reports.length === 0) {
    ports.observer.error('the alarm opened an incident, but no node has shipped a trace', {
      alarm: state.alarm?.name,
    });
    ports.observer.measure('IncidentsWithoutTrace', 'Count', 1);
  }
  return progress;
}

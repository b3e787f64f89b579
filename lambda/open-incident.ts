/** The use case behind an alarm: open its incident, ask its nodes for their traces. */
import type { Invocation } from './analyse-trace.ts';
import type { Configuration } from './configuration.ts';
import { ConfigurationError } from './configuration.ts';
import type { AlarmFired } from './events/caller.ts';
import { type IncidentId, toKeyPart } from './keys.ts';
import type { Ports } from './ports.ts';
import { progressIncident } from './progress-incident.ts';

/** Characters of the alarm's name in the incident's. */
const NAME_LENGTH = 80;

export async function openIncident(
  ports: Ports,
  configuration: Configuration,
  alarm: AlarmFired,
  invocation: Invocation,
): Promise<IncidentId> {
  const id = incidentOf(configuration, alarm);
  ports.observer.about({ service: id.service, incident: id.incident });
  await ports.incidents.open(id, {
    name: alarm.alarmName,
    reason: alarm.reason,
    at: alarm.at,
    instances: alarm.instances,
  });
  if (configuration.shipDocument === null)
    ports.observer.warn('the incident is open, but no SSM document is configured to ask nodes for traces');
  await progressIncident(ports, configuration, id, invocation.token);
  return id;
}

/**
 * The incident's name follows from the alarm and its own time: the same alarm delivered twice is one incident. Which
 * service an alarm watches is configuration, never read from the event.
 */
function incidentOf(configuration: Configuration, alarm: AlarmFired): IncidentId {
  const service =
    configuration.alarmServices.get(alarm.alarmArn) ?? configuration.alarmServices.get(alarm.alarmName);
  if (service === undefined)
    throw new ConfigurationError(
      `no service is configured for the alarm ${JSON.stringify(alarm.alarmName)}: add it to the stack's alarms and deploy, or detach the alarm`,
    );
  const stamp = alarm.at.replace(/[-:]|\.\d+/g, '');
  return { service, incident: `${toKeyPart(alarm.alarmName, NAME_LENGTH)}-${stamp}` };
}

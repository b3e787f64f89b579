/**
 * Takes an incident as far as it can go now: ask the nodes to ship, send the first notification at the first finding
 * and the final one when the picture has settled. Every caller that changed something ends here, and so does every
 * follow-up; whoever comes second finds the step taken (take-step.ts).
 */

import { nodesIn, type Picture } from '../report/incident.ts';
import { type Notification, writeNotification } from '../report/notification.ts';
import type { Configuration } from './configuration.ts';
import { drawPicture, hasFinding } from './incident/picture.ts';
import { type IncidentId, incidentReportsPrefix } from './keys.ts';
import type { IncidentState, IncidentStep, Ports, UnreadableItem } from './ports.ts';
import { takeStep } from './take-step.ts';
import { tellOfUnreadable } from './unreadable-items.ts';

/** Steps that one call may take: each of the three once. */
const MOST_STEPS = 3;

/**
 * How old an alarm may be for nodes to be asked: their rings hold about five minutes (docs/recording.md), of which the
 * window takes 90 s.
 */
export const SHIP_WITHIN_MILLISECONDS = 5 * 60_000;

export interface IncidentProgress {
  readonly did: 'nothing' | 'something';
  /**
   * True once nothing more can become due by time alone: no follow-up is needed. False while a step is in other hands
   * or a final notification may yet come.
   */
  readonly atRest: boolean;
  /** Node reports seen. */
  readonly reports: number;
}

export async function progressIncident(
  ports: Ports,
  configuration: Configuration,
  id: IncidentId,
  token: string,
): Promise<IncidentProgress> {
  let did: IncidentProgress['did'] = 'nothing';
  let reports = 0;
  for (let round = 0; round < MOST_STEPS; round += 1) {
    const state = await ports.incidents.read(id);
    if (round === 0) tellOfUnreadable(ports.observer, state.unreadable);
    const picture = drawPicture(state.reports, nodesOf(state.unreadable));
    reports = picture.reports;
    if (reports > 0) await ports.incidents.recordPicture(id, picture);
    const settled = await isSettled(ports, configuration, state, picture);
    const now = ports.clock.now();
    const step = dueStep(configuration, state, picture, settled, now);
    if (step === null)
      return { did, atRest: !mayBecomeDue(configuration, state, picture, settled, now), reports };
    // Whoever holds it left a follow-up in the queue before claiming.
    if (state.steps[step].state === 'claimed' && now <= state.steps[step].claimedUntil) break;
    const effect = (): Promise<string> =>
      step === 'ship'
        ? orderTraces(ports, state)
        : ports.notifier.publish(notificationOf(configuration, state, picture, step, settled));
    if (!(await takeStep(ports, configuration, { id, step, token, reports: nodesIn(picture), effect })))
      break;
    did = 'something';
  }
  return { did, atRest: false, reports };
}

function nodesOf(items: readonly UnreadableItem[]): string[] {
  return items.flatMap(({ node }) => node ?? []);
}

function notificationOf(
  configuration: Configuration,
  { id, alarm }: IncidentState,
  picture: Picture,
  step: 'first' | 'final',
  settled: boolean,
): Notification {
  return writeNotification({
    ...id,
    alarm,
    place: configuration,
    pagesPrefix: incidentReportsPrefix(id),
    runbookUrl: configuration.runbookUrl,
    picture,
    step,
    settled,
  });
}

/** Whether time alone can make a step due: the final one when the picture settles, or traces that are yet to come. */
function mayBecomeDue(
  configuration: Configuration,
  state: IncidentState,
  picture: Picture,
  settled: boolean,
  now: number,
): boolean {
  if (state.alarm !== null && picture.reports === 0)
    return now < Date.parse(state.alarm.at) + configuration.settleSeconds * 1000;
  return hasFinding(picture) && state.steps.final.state !== 'done' && !settled;
}

function dueStep(
  configuration: Configuration,
  state: IncidentState,
  picture: Picture,
  settled: boolean,
  now: number,
): IncidentStep | null {
  const { ship, first, final } = state.steps;
  if (
    state.alarm !== null &&
    configuration.shipDocument !== null &&
    ship.state !== 'done' &&
    now < Date.parse(state.alarm.at) + SHIP_WITHIN_MILLISECONDS
  )
    return 'ship';
  if (!hasFinding(picture)) return null;
  if (first.state !== 'done') return 'first';
  // A final that could only repeat the first is not sent.
  return settled && final.state !== 'done' && nodesIn(picture) > first.reports ? 'final' : null;
}

function orderTraces(ports: Ports, state: IncidentState): Promise<string> {
  if (state.alarm === null) throw new Error(`incident ${state.id.incident} has no alarm to ship for`);
  return ports.nodes.ship({ id: state.id, at: state.alarm.at, instances: state.alarm.instances });
}

/** Settled: every node that can still answer has answered, or the time for answers has passed. */
async function isSettled(
  ports: Ports,
  configuration: Configuration,
  state: IncidentState,
  picture: Picture,
): Promise<boolean> {
  if (settledByTime(configuration, state, ports.clock.now())) return true;
  const command = state.steps.ship.outcome;
  if (command === null || !hasFinding(picture) || state.steps.final.state === 'done') return false;
  const expected = await ports.nodes.expected(command);
  return expected !== null && expected > 0 && nodesIn(picture) >= expected;
}

function settledByTime(configuration: Configuration, state: IncidentState, now: number): boolean {
  return state.foundAt !== null && now >= state.foundAt + configuration.settleSeconds * 1000;
}

/**
 * Takes one step of an incident once: ask the nodes, send the first notification, send the final one.
 *
 * Neither SNS nor SSM can take part in a transaction, so a claim comes before each effect and a mark after it:
 *
 *   open ──claim──► claimed ──effect──► done (marked by whoever did it, or by the message's own receipt)
 *                      └── claim runs out without a mark: the next follow-up may claim again
 *
 * A follow-up is in the queue before the claim is made, so a function that dies anywhere in between leaves somebody
 * who comes back. The topic delivers a copy of each notification to the same queue (events/receipt.ts), so a function
 * killed between publish and mark does not cause a second message: the first one's receipt makes the mark.
 * docs/operations.md says what remains.
 */
import type { Configuration } from './configuration.ts';
import type { IncidentId } from './keys.ts';
import { type IncidentStep, NotificationUncertain, type Ports } from './ports.ts';

/**
 * A claim outlives the longest effect (two tries of 8 s and a pause, stores/clients.ts) and leaves its receipt time to
 * arrive.
 */
export const CLAIM_MILLISECONDS = 60_000;

/** After a publish with unknown outcome: how long its receipt may take before someone publishes again. */
export const RECEIPT_MILLISECONDS = 30_000;

interface StepRequest {
  readonly id: IncidentId;
  readonly step: IncidentStep;
  /** Unique to the invocation. */
  readonly token: string;
  /** Node reports that the effect knows of. */
  readonly reports: number;
  /** Gives what to remember: a message id or a command id. */
  readonly effect: () => Promise<string>;
}

/** False where the step is in other hands, or its outcome is not known yet. */
export async function takeStep(
  ports: Ports,
  configuration: Configuration,
  request: StepRequest,
): Promise<boolean> {
  const { incidents, clock, followUps, observer } = ports;
  const { id, step, reports } = request;
  await followUps.schedule(id, configuration.followUpSeconds);
  const now = clock.now();
  const token = `${request.token}:${step}`;
  if (!(await incidents.claim(id, step, { token, now, until: now + CLAIM_MILLISECONDS, reports })))
    return false;
  let outcome: string;
  try {
    outcome = await observer.stage(step, request.effect);
  } catch (error) {
    if (error instanceof NotificationUncertain) {
      observer.warn(
        'nobody knows yet whether the notification was sent: its receipt or a later try decides',
        {
          step,
          error,
        },
      );
      await incidents.shorten(id, step, { token, until: clock.now() + RECEIPT_MILLISECONDS });
      return false;
    }
    await incidents.shorten(id, step, { token, until: 0 });
    throw error;
  }
  await incidents.markDone(id, step, outcome);
  observer.info('step done', { step, outcome });
  return true;
}

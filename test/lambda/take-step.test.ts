import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type EmbeddedAws, startEmbeddedAws } from '../../cli/demo/embedded-aws.ts';
import { type Configuration, readConfiguration } from '../../lambda/configuration.ts';
import { NotificationRefused, NotificationUncertain, type Observer, type Ports } from '../../lambda/ports.ts';
import { CLAIM_MILLISECONDS, RECEIPT_MILLISECONDS, takeStep } from '../../lambda/take-step.ts';
import { wirePorts } from '../../lambda/wiring.ts';

const QUIET: Observer = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  about: () => undefined,
  count: () => undefined,
  stage: (_stage, run) => run(),
};

let aws: EmbeddedAws;
let configuration: Configuration;
let ports: Ports;
let now = Date.parse('2026-11-23T02:16:00Z');
beforeAll(async () => {
  aws = await startEmbeddedAws();
  configuration = readConfiguration(aws.environment);
  ports = wirePorts(configuration, aws.clients, QUIET, { now: () => now });
});
afterAll(() => aws.stop());

let incidents = 0;
beforeEach(() => {
  incidents += 1;
});

/** The first notification of this test's incident, tried by an invocation of that name. */
function tryFirst(token: string, effect: () => Promise<string>): Promise<boolean> {
  const id = { service: 'checkout', incident: `steps-${incidents}` };
  return takeStep(ports, configuration, { id, step: 'first', token, reports: 1, effect });
}

const sent = async () => 'message-1';
const dies = () => new Promise<never>(() => undefined);
const uncertain = () => Promise.reject(new NotificationUncertain('no answer'));

it('a step whose holder died is taken by others once its claim has run out, and not a moment before', async () => {
  let begun: () => void = () => undefined;
  const holding = new Promise<void>((resolve) => {
    begun = resolve;
  });
  void tryFirst('dead', () => {
    begun();
    return dies();
  });
  await holding;
  now += CLAIM_MILLISECONDS;
  expect(await tryFirst('next', sent)).toBe(false);
  now += 1;
  expect(await tryFirst('next', sent)).toBe(true);
});

it('a message of unknown fate is left to its receipt for a while, and not a moment longer', async () => {
  expect(await tryFirst('lost', uncertain)).toBe(false);
  now += RECEIPT_MILLISECONDS;
  expect(await tryFirst('next', sent)).toBe(false);
  now += 1;
  expect(await tryFirst('next', sent)).toBe(true);
});

it('a refused message may be tried again at once, and its failure is the caller’s', async () => {
  const refused = () => Promise.reject(new NotificationRefused('throttled'));
  await expect(tryFirst('refused', refused)).rejects.toThrow(NotificationRefused);
  expect(await tryFirst('next', sent)).toBe(true);
});

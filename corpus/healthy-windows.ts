import type { Action, HealthyWindow, Step } from './recipe.ts';

/** What a server has to offer beyond its production load. */
export interface HealthyOptions {
  /** Names of other mixes than the production load's. */
  readonly mixes: readonly string[];
  /** Housekeeping by name (reload, log-rotation, backup, collection …): what starts it. */
  readonly housekeeping: Readonly<Record<string, Action>>;
  /** The highest factor on the production load that the server serves with ease. Default 2. */
  readonly highest?: number;
}

const SEEDS = [31, 67];
const STEADY_SEEDS = [301, 302, 303, 304];
const SECONDS = 40;
const HALF = SECONDS / 2;

type Shape = Omit<HealthyWindow, 'seed'>;

/** The windows that every server is recorded in, each with several seeds of its load. */
export function healthyWindows({ mixes, housekeeping, highest = 2 }: HealthyOptions): HealthyWindow[] {
  const scale = (at: number, factor: number): Step => ({ at, action: { do: 'load', scale: factor } });
  const stairs = (factors: readonly number[]): Step[] =>
    factors.map((factor, i) => scale((i * SECONDS) / factors.length, factor));
  const shapes: Shape[] = [
    window('idle', 'no requests', { load: { scale: 0 } }),
    window('nearly-idle', 'a tenth of the load', { load: { scale: 0.1 } }),
    window('doubled', 'the highest load all the time', { load: { scale: highest } }),
    window('doubles', 'the load doubles midway', { steps: [scale(HALF, highest)] }),
    window('halves', 'the load halves midway', { steps: [scale(HALF, 0.5)] }),
    window('ramp-up', 'the load grows in eight steps', {
      steps: stairs([0.2, 0.4, 0.6, 0.8, 1, 1.3, 1.6, highest]),
    }),
    window('ramp-down', 'the load falls in eight steps', {
      steps: stairs([highest, 1.6, 1.3, 1, 0.8, 0.6, 0.4, 0.2]),
    }),
    window('wakes-up', 'load begins after twenty idle seconds', {
      load: { scale: 0 },
      steps: [scale(HALF, 1)],
    }),
    window('falls-idle', 'the load ends midway', { steps: [scale(HALF, 0)] }),
    window('cron-burst', 'a job triples the load for six seconds', {
      steps: [scale(HALF, 1.5 * highest), scale(HALF + 6, 1)],
    }),
    window('first-minute', 'recorded from before the start', { seconds: SECONDS, fromStart: true }),
    window('first-minute-doubled', 'recorded from before the start, at the highest load', {
      fromStart: true,
      load: { scale: highest },
    }),
    window('small-machine', 'with a fifth of a CPU', {
      steps: [{ at: 0, action: { do: 'cpu-quota', share: 0.2 } }],
    }),
    window('ten-seconds', 'a short window', { seconds: 10 }),
    ...mixes.map((mix) => window(`mix-${mix}`, `another mix of requests: ${mix}`, { load: { mix } })),
    ...mixes.map((mix) =>
      window(`turns-${mix}`, `the mix of requests turns to ${mix} midway`, {
        steps: [{ at: HALF, action: { do: 'load', mix } }],
      }),
    ),
    ...Object.entries(housekeeping).map(([name, action]) =>
      window(name, `${name} midway`, { steps: [{ at: HALF, action }] }),
    ),
  ];
  return [
    ...STEADY_SEEDS.map((seed) => ({
      ...window('steady', 'the production load'),
      id: `steady-${seed}`,
      seed,
    })),
    ...SEEDS.flatMap((seed) => shapes.map((shape) => ({ ...shape, id: `${shape.id}-${seed}`, seed }))),
  ];
}

function window(id: string, summary: string, more: Partial<Shape> = {}): Shape {
  return { id, summary: `Healthy: ${summary}.`, seconds: SECONDS, steps: [], ...more };
}

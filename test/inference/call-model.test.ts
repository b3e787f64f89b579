import { beforeAll, describe, expect, it } from 'vitest';
import { type CallModel, callModel, DENSE_STATES } from '../../inference/call-model.ts';
import { mine } from '../../signatures/mine.ts';
import { normalOf } from '../../signatures/normal.ts';
import type { SignatureSet } from '../../signatures/signature-set.ts';
import { scriptedTrace } from '../trace/scripted-trace.ts';
import { sampleSignatures } from './sample-service.ts';

describe('callModel', () => {
  let set: SignatureSet;
  let model: CallModel;
  beforeAll(async () => {
    set = await sampleSignatures();
    model = callModel(normalOf(set));
  });

  it('gives every step between two states a finite probability, seen or not', () => {
    for (let from = 0; from < set.states.length; from++) {
      for (let to = 0; to < set.states.length; to++) {
        expect(Number.isFinite(model.step(from, to))).toBe(true);
        expect(model.step(from, to)).toBeLessThanOrEqual(0);
      }
    }
  });

  it('finds a step that the profiles show likelier than one that they never show', () => {
    const seen = new Set(set.transitions.map(([from, to]) => `${from} ${to}`));
    for (const [from, to, count] of set.transitions) {
      const out = set.transitions.filter(([f]) => f === from).reduce((sum, [, , n]) => sum + n, 0);
      if (count / out < 0.1) continue;
      for (let other = 0; other < set.states.length; other++) {
        if (!seen.has(`${from} ${other}`)) {
          expect(model.step(from, to)).toBeGreaterThan(model.step(from, other));
        }
      }
    }
  });

  it('shares out the probability of a step among all states', () => {
    for (let from = 0; from < set.states.length; from++) {
      const sum = set.states.reduce((total, _, to) => total + Math.exp(model.step(from, to)), 0);
      expect(sum).toBeGreaterThan(0.5);
      expect(sum).toBeLessThanOrEqual(1 + 1e-9);
    }
  });

  it('takes a trait for no evidence where no profiled call shows it', () => {
    // After the last call on a descriptor comes none: the trait is named, but never seen.
    const trait = model.traitIds.get('after close=0') as number;
    expect(set.stateTraits.some(([, shown]) => shown === trait)).toBe(false);
    for (let state = 0; state < set.states.length; state++) expect(model.trait(state, trait)).toBe(0);
  });

  it('finds a trait likelier where it was seen than where it was not', () => {
    const trait = model.traitIds.get('after recvfrom') as number;
    const shows = new Set(set.stateTraits.filter(([, t]) => t === trait).map(([state]) => state));
    expect(shows.size).toBeGreaterThan(0);
    for (let state = 0; state < set.states.length; state++) {
      if (shows.has(state)) expect(model.trait(state, trait)).toBeGreaterThan(0);
    }
  });

  it('gives a service with more states than fit into a table the same steps, asked once or again', async () => {
    const states = (count: number) =>
      mine(
        [
          {
            name: 'wide',
            trace: scriptedTrace(
              Array.from({ length: count }, (_, i) => ({ call: `call_${i}`, at: i, stack: ['main'] })),
            ),
          },
        ],
        { service: 's' },
      );
    const model = async (count: number) => callModel(normalOf(await states(count)));
    const [table, map] = [await model(DENSE_STATES), await model(DENSE_STATES + 1)];
    expect([table.normal.states.length, map.normal.states.length]).toEqual([DENSE_STATES, DENSE_STATES + 1]);
    for (const [from, to] of [
      [0, 1],
      [7, 8],
      [7, 4_000],
    ] as const) {
      expect(map.step(from, to)).toBe(map.step(from, to));
      expect(map.step(from, to)).toBeCloseTo(table.step(from, to), 2);
    }
  });
});

import type { Calls } from '../calls/calls.ts';
import type { Normal } from '../signatures/normal.ts';
import type { Attribution } from './attribute.ts';
import type { CallModel } from './call-model.ts';
import { type FunctionProfile, functionProfile } from './function-profile.ts';

/** Everything that the detectors look at, made once per inference. */
export interface Observation {
  readonly calls: Calls;
  /** Null without signatures. */
  readonly knowledge: Knowledge | null;
}

/** What the signature set says of this trace's calls. */
export interface Knowledge {
  readonly normal: Normal;
  readonly model: CallModel;
  readonly attribution: Attribution;
  /** Per symbol of the trace's column: highest normal rate, calls per second; 0 where no profile shows it. */
  readonly rate: Float64Array;
  readonly functions: FunctionProfile;
}

export function observe(calls: Calls, model: CallModel | null, attribution: Attribution | null): Observation {
  if (model === null || attribution === null) return { calls, knowledge: null };
  const { normal } = model;
  const rate = Float64Array.from(calls.column.symbols, normal.rateOf);
  return { calls, knowledge: { normal, model, attribution, rate, functions: functionProfile(normal) } };
}

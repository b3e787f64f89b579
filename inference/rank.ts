import type { Normal } from '../signatures/normal.ts';
import { NO_STATE } from './attribute.ts';
import type { Finding } from './finding.ts';
import { CALLBACK_ROLE, type FunctionProfile } from './function-profile.ts';
import { type MethodOptions, wholeMethod } from './method-options.ts';
import type { Knowledge, Observation } from './observation.ts';

/** A function with how much speaks for it. */
export interface Candidate {
  /** Function number of the signature set. */
  readonly fn: number;
  readonly score: number;
  /** Share (0…1) of the abnormal calls that were made under it. */
  readonly cover: number;
}

/** Evidence is where calls were made: a context of the call tree, with a weight. */
interface Place {
  readonly context: number;
  readonly weight: number;
}

/** A call whose symbol no profile shows (another result, another call) tells more than one that is only frequent. */
const NEW_SYMBOL_WEIGHT = 2;
/** The dispatch call is part of every loop and belongs to the event loop. */
const DISPATCH_WEIGHT = 0.1;
/** Weight of calls that were made where no profile shows them: their context is only the last known one. */
const NOVEL_PLACE_WEIGHT = 0.5;
/** A function that only ever makes one call per invocation cannot be what repeats it. */
const WRAPPER_SHARE = 0.9;
const WRAPPER_WEIGHT = 0.4;
/** From this many callers on, a wrapper serves the whole program. */
const SERVED_CALLERS = 3;
/** How strongly presence in everything speaks against a function. */
const PRESENCE_EXPONENT = 0.5;
/** A function on the stack of everything is still named when nothing else is left. */
const LEAST_SPECIFICITY = 0.02;
/** A caller that covers at most this much more than its callee adds nothing … */
const NOTHING_ADDED = 1.08;
/** … and is ranked behind it by this factor. */
const CALLER_WEIGHT = 0.9;
/** Candidates that explain less of the abnormality are noise. */
const MINIMUM_COVER = 0.03;

/**
 * Ranks functions by how much of the abnormality happened under them (recall) and how specific they are (a function on
 * the stack of everything explains nothing). The highest is the home of the abnormal loop: the lowest function of the
 * call tree that covers all of it, for those above it are on more stacks, and those below it cover less.
 *
 * @param matched factor (0…1) by which a function's score counts, from its episodes
 */
export function rankFunctions(
  finding: Finding,
  observation: Observation,
  matched: (fn: number) => number,
  { without }: MethodOptions = wholeMethod,
): Candidate[] {
  const { knowledge } = observation;
  if (knowledge === null) return [];
  const profile = knowledge.functions;
  if (finding.kind === 'gone') return ordered(disappearance(finding, knowledge, profile), finding);
  const places = abnormalCalls(finding, observation, knowledge, without);
  const roles = byRole(places, profile, without);
  const total = places.reduce((sum, place) => sum + place.weight, 0);
  const scores = new Map<number, Score>();
  for (const own of roles.values()) {
    const roleWeight = own.reduce((sum, place) => sum + place.weight, 0);
    const cover = new Map<number, { weight: number; depth: number }>();
    for (const { context, weight } of own) {
      const path = profile.paths[context] as readonly number[];
      for (const fn of new Set(path)) {
        const known = cover.get(fn) ?? { weight: 0, depth: 0 };
        cover.set(fn, { weight: known.weight + weight, depth: Math.max(known.depth, path.indexOf(fn)) });
      }
    }
    for (const [fn, { weight, depth }] of cover) {
      const share = weight / roleWeight;
      const specificity = without.has('specificity')
        ? 1
        : Math.max(LEAST_SPECIFICITY, 1 - (profile.presence[fn] as number)) ** PRESENCE_EXPONENT;
      const wrapper =
        finding.kind === 'loop' && !without.has('wrappers') && (profile.single[fn] as number) >= WRAPPER_SHARE
          ? WRAPPER_WEIGHT
          : 1;
      const score = share * specificity * wrapper * matched(fn) * Math.sqrt(roleWeight / total);
      const known = scores.get(fn);
      if (known === undefined || score > known.score) scores.set(fn, { score, cover: weight / total, depth });
    }
  }
  if (!without.has('prefer-inner')) preferInner(scores, finding, profile, places, without);
  return ordered(scores, finding);
}

function ordered(scores: ReadonlyMap<number, Score>, finding: Finding): Candidate[] {
  const innerFirst = finding.kind === 'gone' ? -1 : 1;
  return [...scores]
    .filter(([, { cover, score }]) => cover >= MINIMUM_COVER && score > 0)
    .sort((a, b) => b[1].score - a[1].score || innerFirst * (b[1].depth - a[1].depth) || a[0] - b[0])
    .map(([fn, { score, cover }]) => ({ fn, score, cover }));
}

/**
 * A function that ever makes only one call is no loop's home. Where a call does not return, it is the one that hangs,
 * unless it serves many callers: then it is the server's own lock, send or read.
 */
function isWrapper(fn: number, finding: Finding, profile: FunctionProfile): boolean {
  if ((profile.single[fn] as number) < WRAPPER_SHARE) return false;
  return finding.kind === 'loop' || (profile.callers[fn] as number) >= SERVED_CALLERS;
}

interface Score {
  score: number;
  readonly cover: number;
  readonly depth: number;
}

/**
 * A caller that covers no more of the abnormality than its callee explains nothing that the callee does not: it is
 * ranked behind. Wrappers are no such callees where calls repeat.
 */
function preferInner(
  scores: ReadonlyMap<number, Score>,
  finding: Finding,
  profile: FunctionProfile,
  places: readonly Place[],
  without: MethodOptions['without'],
): void {
  const callees = new Map<number, Set<number>>();
  for (const { context } of places) {
    const path = profile.paths[context] as readonly number[];
    for (let i = 1; i < path.length; i++) {
      const own = callees.get(path[i - 1] as number);
      if (own === undefined) callees.set(path[i - 1] as number, new Set([path[i] as number]));
      else own.add(path[i] as number);
    }
  }
  const innermostFirst = [...scores].sort((a, b) => b[1].depth - a[1].depth || a[0] - b[0]);
  for (const [fn, own] of innermostFirst) {
    for (const callee of callees.get(fn) ?? []) {
      const below = scores.get(callee);
      if (below === undefined || callee === fn || below.depth <= own.depth) continue;
      if (!without.has('wrappers') && isWrapper(callee, finding, profile)) continue;
      if (below.cover * NOTHING_ADDED >= own.cover)
        own.score = Math.min(own.score, below.score * CALLER_WEIGHT);
    }
  }
}

function abnormalCalls(
  finding: Finding,
  { calls: { trace, column, dispatch } }: Observation,
  { rate, attribution: { states, contexts } }: Knowledge,
  without: MethodOptions['without'],
): Place[] {
  const weights = new Map<number, number>();
  for (let i = 0; i < finding.calls.rows.length; i++) {
    const row = finding.calls.rows[i] as number;
    let weight = finding.calls.weights[i] as number;
    if (!without.has('new-symbols') && rate[column.ids[row] as number] === 0) weight *= NEW_SYMBOL_WEIGHT;
    const isDispatch = dispatch[trace.thread[row] as number]?.has(trace.call[row] as number) === true;
    if (isDispatch && !without.has('dispatch')) weight *= DISPATCH_WEIGHT;
    if (states[row] === NO_STATE) weight *= NOVEL_PLACE_WEIGHT;
    const context = contexts[row] as number;
    weights.set(context, (weights.get(context) ?? 0) + weight);
  }
  return [...weights].map(([context, weight]) => ({ context, weight }));
}

/** A thread that is gone may still be in a function around its last call, or in one that both calls are made under … */
const LAST_CALL_WEIGHT = 0.3;
const SHARED_WEIGHT = 0.5;
/** … but most likely in one that it entered on its way to the next call; the deeper, the sooner a call would show. */
const DEEPER_WEIGHT = 0.95;

/**
 * Scores for a thread that makes no calls any more: it is somewhere between the call that it returned from and those
 * that normally follow, so each function entered on the way to a following call is as likely as that call.
 */
function disappearance(
  finding: Finding,
  { normal, model, attribution: { states, contexts } }: Knowledge,
  profile: FunctionProfile,
): Map<number, Score> {
  const scores = new Map<number, Score>();
  const add = (fn: number, score: number, depth: number) => {
    const specificity =
      Math.max(LEAST_SPECIFICITY, 1 - (profile.presence[fn] as number)) ** PRESENCE_EXPONENT;
    const known = scores.get(fn)?.score ?? 0;
    scores.set(fn, { score: known + score * specificity, cover: 1, depth });
  };
  for (let i = 0; i < finding.calls.rows.length; i++) {
    const row = finding.calls.rows[i] as number;
    const weight = finding.calls.weights[i] as number;
    const last = profile.paths[contexts[row] as number] as readonly number[];
    const following = upcoming(states[row] as number, normal);
    if (following.length === 0)
      for (const [depth, fn] of last.entries()) add(fn, weight * LAST_CALL_WEIGHT, depth);
    for (const { state, share } of following) {
      const likely = weight * share;
      const next = profile.paths[model.contextOf[state] as number] as readonly number[];
      let shared = 0;
      while (shared < last.length && last[shared] === next[shared]) shared++;
      for (let d = 0; d < shared; d++) add(last[d] as number, likely * SHARED_WEIGHT, d);
      for (let d = shared; d < last.length; d++) add(last[d] as number, likely * LAST_CALL_WEIGHT, d);
      for (let d = shared; d < next.length; d++)
        add(next[d] as number, likely * DEEPER_WEIGHT ** (d - shared), d);
    }
  }
  return scores;
}

/** Calls looked ahead from the last one that was made: the next one may be made where no user function shows. */
const STEPS_AHEAD = 4;
/** Each further step counts for this much of the one before. */
const STEP_DECAY = 0.4;
/** States followed per step, the likeliest. */
const MAX_FOLLOWED = 50;

/** The states that normally come next, with the share (together 1) of what is expected there. */
function upcoming(state: number, normal: Normal): { readonly state: number; readonly share: number }[] {
  if (state === NO_STATE) return [];
  const expected = new Map<number, number>();
  let now = new Map([[state, 1]]);
  for (let step = 0; step < STEPS_AHEAD; step++) {
    const next = new Map<number, number>();
    for (const [from, share] of now) {
      const steps = normal.stepsFrom(from);
      const all = steps.reduce((sum, { count }) => sum + count, 0);
      for (const { to, count } of steps) next.set(to, (next.get(to) ?? 0) + (share * count) / all);
    }
    now = new Map([...next].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, MAX_FOLLOWED));
    for (const [to, share] of now) expected.set(to, (expected.get(to) ?? 0) + share * STEP_DECAY ** step);
  }
  const total = [...expected.values()].reduce((sum, share) => sum + share, 0);
  return [...expected].map(([to, share]) => ({ state: to, share: share / total }));
}

/** Places by the role of their thread: each role is judged by its own calls. */
function byRole(
  places: readonly Place[],
  profile: FunctionProfile,
  without: MethodOptions['without'],
): Map<number, Place[]> {
  const roles = new Map<number, Place[]>();
  for (const place of places) {
    if (profile.paths[place.context]?.length === 0) continue;
    const role = without.has('roles') ? CALLBACK_ROLE : (profile.roles[place.context] as number);
    const own = roles.get(role);
    if (own === undefined) roles.set(role, [place]);
    else own.push(place);
  }
  return roles;
}

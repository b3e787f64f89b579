import type { Calls } from '../calls/calls.ts';
import { callOfSymbol } from '../calls/symbols.ts';
import { contextColumn, contextPath, growingCallTree } from '../signatures/call-tree.ts';
import { frameClassifier } from '../signatures/user-functions.ts';
import { NO_STACK, type Trace } from '../trace/trace.ts';
import { type Attribution, NO_STATE } from './attribute.ts';
import type { CallModel } from './call-model.ts';

/** From this share of calls with a stack on, the trace's own stacks are used instead of the call model. */
const MINIMUM_STACK_SHARE = 0.5;

export function hasStacks(trace: Trace): boolean {
  if (trace.stack === null) return false;
  let known = 0;
  for (let row = 0; row < trace.length; row++) if (trace.stack[row] !== NO_STACK) known++;
  return known >= MINIMUM_STACK_SHARE * trace.length && known > 0;
}

/**
 * Where each call of a trace with user stacks was made: nothing is inferred. A function that the signature set does
 * not know ends the path at the last known caller.
 */
export function attributeByStack({ trace, column }: Calls, { normal }: CallModel): Attribution {
  const { contexts: known, states: places, symbols } = normal;
  const tree = growingCallTree();
  const { contexts: own } = contextColumn(trace, tree, frameClassifier());
  const functions = new Map(normal.functions.map(({ name, object }, fn) => [`${name}\0${object}`, fn]));
  const children = new Map<string, number>();
  for (let context = 0; context < known.length; context++)
    children.set(`${known.parent[context]} ${known.functionOf[context]}`, context);
  const translated = tree.parent.map((_, context) => {
    let at = 0;
    for (const fn of contextPath(tree, context)) {
      const { name, object } = tree.functions[fn] as { name: string; object: string };
      const next = children.get(`${at} ${functions.get(`${name}\0${object}`)}`);
      if (next === undefined) break;
      at = next;
    }
    return at;
  });
  const stateOf = new Map<string, number>();
  // Another result of the same call is the same place.
  const stateOfCall = new Map<string, number>();
  for (let state = 0; state < places.length; state++) {
    const context = places.context[state] as number;
    const symbol = symbols[places.symbol[state] as number] as string;
    stateOf.set(`${context} ${symbol}`, state);
    stateOfCall.set(`${context} ${callOfSymbol(symbol)}`, state);
  }
  const calls = column.symbols.map(callOfSymbol);
  const contexts = Int32Array.from(own, (context) => translated[context] as number);
  const states = Int32Array.from(
    contexts,
    (context, row) =>
      stateOf.get(`${context} ${column.symbols[column.ids[row] as number]}`) ??
      stateOfCall.get(`${context} ${calls[column.ids[row] as number]}`) ??
      NO_STATE,
  );
  return { contexts, states };
}

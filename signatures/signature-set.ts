import * as z from 'zod';
import { SignatureError } from './errors.ts';
import { withoutFormerFields } from './former-fields.ts';

/**
 * The signature set, schema `perfscope.signatures/1`: what `perfscope mine` writes and inference reads. All about one
 * service build: its functions, their frequent episodes, the calling context tree they were seen in, the order in
 * which calls follow each other, and the service's normal behaviour. Plain JSON, one record a line, no time stamps:
 * the same profiles give the same bytes.
 */
export const SIGNATURE_SCHEMA = 'perfscope.signatures/1';

/** A set for the largest servers seen is some MB; anything far larger was not made by `perfscope mine`. */
export const MAX_SIGNATURE_BYTES = 256 * 1024 * 1024;

const count = z.number().int().nonnegative();
const index = count;
/** Of something that was seen: its logarithm is finite. */
const occurrences = z.number().int().positive();
const seconds = z.number().nonnegative();
const share = z.number().min(0).max(1);

const signatureSet = z
  .strictObject({
    schema: z.literal(SIGNATURE_SCHEMA),
    service: z.string().min(1).max(256),
    build: z.string().max(256),
    profiles: z.array(
      z.strictObject({
        name: z.string(),
        calls: count,
        seconds: z.number().nonnegative(),
        threads: count,
        symbolized: share,
        grafted: share,
      }),
    ),
    /** Call symbols (calls/symbols.ts). */
    symbols: z.array(z.string()),
    functions: z.array(z.strictObject({ name: z.string(), object: z.string() })),
    /** [parent context, function] per context; context 0 is the root. */
    contexts: z.array(z.tuple([z.number().int().min(-1), z.number().int().min(-1)])),
    /** [context, symbol, count, median, 99th percentile, maximum seconds in the call] per state: a call with the functions it was made under. */
    states: z.array(z.tuple([index, index, occurrences, seconds, seconds, seconds])),
    /** [state, next state on the same descriptor, count, median, 99th percentile, maximum seconds between them]. */
    gaps: z.array(z.tuple([index, index, count, seconds, seconds, seconds])),
    /** [state that answers, count, median, 99th percentile, maximum seconds since its request was received]. */
    latencies: z.array(z.tuple([index, count, seconds, seconds, seconds])),
    /** [state, next state of the same thread, count]. */
    transitions: z.array(z.tuple([index, index, occurrences])),
    /** What calls show besides their symbol (calls/traits.ts), and [state, trait, count]. */
    traits: z.array(z.string()),
    stateTraits: z.array(z.tuple([index, index, occurrences])),
    /** One per function that made calls. */
    signatures: z.array(
      z.strictObject({
        function: index,
        /** Invocations seen, and those that made exactly one call. */
        invocations: count,
        single: count,
        calls: count,
        /** Share of invocations in a left-out profile that the other profiles' episodes match; null if in one only. */
        stability: share.nullable(),
        /** [symbols, support] per closed episode. */
        episodes: z.array(z.tuple([z.array(index), count])),
      }),
    ),
    normal: z.strictObject({
      /** Per symbol: highest rate in any profile, calls per second. */
      rate: z.array(z.number().nonnegative()),
      /** Longest time between two calls of one thread, outside any call, seconds. */
      offCall: seconds,
    }),
  })
  .superRefine((set, context) => {
    const check = (ok: boolean, message: string) => {
      if (!ok) context.addIssue({ code: 'custom', message });
    };
    const within = (value: number, length: number) => value < length;
    check(
      set.contexts.every(([parent, fn], i) =>
        i === 0 ? parent === -1 && fn === -1 : parent >= 0 && parent < i && within(fn, set.functions.length),
      ),
      'contexts: each parent must come before its child, each function must exist',
    );
    check(
      set.states.every(([c, s]) => within(c, set.contexts.length) && within(s, set.symbols.length)),
      'states: a context or symbol does not exist',
    );
    check(
      set.latencies.every(([state]) => within(state, set.states.length)),
      'latencies: a state does not exist',
    );
    check(
      set.gaps.every(([a, b]) => within(a, set.states.length) && within(b, set.states.length)),
      'gaps: a state does not exist',
    );
    check(
      set.transitions.every(([a, b]) => within(a, set.states.length) && within(b, set.states.length)),
      'transitions: a state does not exist',
    );
    check(
      set.stateTraits.every(
        ([state, trait]) => within(state, set.states.length) && within(trait, set.traits.length),
      ),
      'stateTraits: a state or trait does not exist',
    );
    check(
      set.signatures.every(
        (s) =>
          within(s.function, set.functions.length) &&
          s.episodes.every(([symbols]) => symbols.every((symbol) => within(symbol, set.symbols.length))),
      ),
      'signatures: a function or symbol does not exist',
    );
    check(set.normal.rate.length === set.symbols.length, 'normal: one entry per symbol expected');
  });

export type SignatureSet = z.infer<typeof signatureSet>;

/**
 * Reads and checks a signature set. One that a former version wrote is read as today's.
 *
 * @throws SignatureError when the text is no signature set, with the first fault and the command that makes one
 */
export function parseSignatureSet(text: string, name = 'signature set'): SignatureSet {
  const remedy = 'make one with: perfscope mine PROFILE… --service NAME -o signatures.json';
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw new SignatureError(`${name}: not JSON; expected a signature set (${SIGNATURE_SCHEMA}); ${remedy}`, {
      cause,
    });
  }
  const parsed = signatureSet.safeParse(withoutFormerFields(document));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue === undefined || issue.path.length === 0 ? '' : ` at ${issue.path.join('.')}`;
  throw new SignatureError(
    `${name}: not a valid ${SIGNATURE_SCHEMA}${where}: ${issue?.message ?? 'unknown fault'}; ${remedy}`,
    {
      cause: parsed.error,
    },
  );
}

/** One record a line: two sets of neighbouring builds can be compared with `diff`. */
export function serializeSignatureSet(set: SignatureSet): string {
  const record = (value: unknown) => JSON.stringify(value);
  const list = (values: readonly unknown[]) =>
    values.length === 0 ? '[]' : `[\n    ${values.map(record).join(',\n    ')}\n  ]`;
  const fields = Object.entries(set).map(([key, value]) => {
    if (Array.isArray(value)) return `  ${record(key)}: ${list(value)}`;
    if (key === 'normal') {
      const columns = Object.entries(value as Record<string, unknown>).map(
        ([k, v]) => `    ${record(k)}: ${record(v)}`,
      );
      return `  "normal": {\n${columns.join(',\n')}\n  }`;
    }
    return `  ${record(key)}: ${record(value)}`;
  });
  return `{\n${fields.join(',\n')}\n}\n`;
}

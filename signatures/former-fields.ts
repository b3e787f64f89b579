/** Fields that `perfscope mine` once wrote and nothing reads: a set that holds them is as good as one without. */
const FORMER_FIELDS = {
  set: ['collisions'],
  signature: ['unbounded', 'callsPerSecond'],
  normal: ['run'],
} as const;

export function withoutFormerFields(document: unknown): unknown {
  const set = without(document, FORMER_FIELDS.set);
  if (!isRecord(set)) return set;
  if (Array.isArray(set.signatures)) {
    set.signatures = set.signatures.map((signature) => without(signature, FORMER_FIELDS.signature));
  }
  if ('normal' in set) set.normal = without(set.normal, FORMER_FIELDS.normal);
  return set;
}

/** A copy without the fields; what is no object comes back as it is, for the schema to refuse. */
function without(value: unknown, fields: readonly string[]): unknown {
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([field]) => !fields.includes(field)));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The kernel's own description of an event's bytes: `events/<system>/<event>/format` in tracefs
 * (Documentation/trace/events.rst, "Event formats").
 */
export interface EventField {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

export interface EventFormat {
  readonly name: string;
  readonly id: number;
  readonly fields: ReadonlyMap<string, EventField>;
}

const FIELD = /^\s*field:(?<declaration>[^;]+);\s*offset:(?<offset>\d+);\s*size:(?<size>\d+);/;

/** Returns null where the text is no event format. */
export function parseEventFormat(text: string): EventFormat | null {
  const name = /^name: (\S+)$/m.exec(text)?.[1];
  const id = /^ID: (\d+)$/m.exec(text)?.[1];
  if (name === undefined || id === undefined) return null;
  return { name, id: Number(id), fields: parseFields(text) };
}

export function parseFields(text: string): ReadonlyMap<string, EventField> {
  const fields = new Map<string, EventField>();
  for (const line of text.split('\n')) {
    const groups = FIELD.exec(line)?.groups;
    // `unsigned long args[6]`, `char prev_comm[TASK_COMM_LEN]`: the last word, without the bounds.
    const field = groups?.declaration
      ?.replace(/\[[^\]]*\]$/, '')
      .split(/[\s*]+/)
      .at(-1);
    if (groups === undefined || field === undefined) continue;
    fields.set(field, { name: field, offset: Number(groups.offset), size: Number(groups.size) });
  }
  return fields;
}

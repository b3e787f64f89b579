/** Key paths of JSON documents with the types found there (`a.b[].c` → `null | number`), in no particular order. */
export function shapeOf(documents: readonly unknown[]): ReadonlyMap<string, string> {
  const found = new Map<string, Set<string>>();
  const visit = (value: unknown, path: string) => {
    const type = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
    if (path !== '') {
      const types = found.get(path);
      if (types === undefined) found.set(path, new Set([type]));
      else types.add(type);
    }
    if (Array.isArray(value)) {
      for (const item of value) visit(item, `${path}[]`);
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, item] of Object.entries(value)) visit(item, path === '' ? key : `${path}.${key}`);
    }
  };
  for (const document of documents) visit(JSON.parse(JSON.stringify(document)), '');
  return new Map([...found].map(([path, types]) => [path, [...types].sort().join(' | ')]));
}

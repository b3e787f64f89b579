/** Parses a table whose lines start with a number and go on with the names of that number and the next ones. */
export function numberedNames(table: string): (string | undefined)[] {
  const names: (string | undefined)[] = [];
  for (const line of table.trim().split('\n')) {
    const [first, ...rest] = line.split(' ');
    rest.forEach((name, offset) => {
      names[Number(first) + offset] = name;
    });
  }
  return names;
}

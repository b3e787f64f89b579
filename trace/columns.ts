import { callColumns, stackColumns, switchColumns, type Trace } from './trace.ts';

/** What is done to every column alike, whichever there are: tables of them are in trace.ts. */

export type ColumnType =
  | Float64ArrayConstructor
  | Uint32ArrayConstructor
  | Int32ArrayConstructor
  | Uint16ArrayConstructor
  | Uint8ArrayConstructor;

export type Column = InstanceType<ColumnType>;

export type ColumnTable = Readonly<Record<string, ColumnType>>;

export type ColumnsOf<Table extends ColumnTable> = {
  -readonly [Name in keyof Table]: InstanceType<Table[Name]>;
};

/** A column may be null where the source has nothing for it. */
type SomeColumnsOf<Table extends ColumnTable> = Readonly<Record<keyof Table, Column | null>>;

/** New columns where `Columns` has some. */
type Likewise<Table extends ColumnTable, Columns extends SomeColumnsOf<Table>> = {
  -readonly [Name in keyof Table]: Columns[Name];
};

/** The table's columns, of `length` rows of zeros. */
export function newColumns<Table extends ColumnTable>(table: Table, length: number): ColumnsOf<Table> {
  const columns = Object.entries(table).map(([name, Type]) => [name, new Type(length)]);
  return Object.fromEntries(columns) as ColumnsOf<Table>;
}

/** What `map` makes of each column of the table; a column that is null stays so. */
export function mapColumns<Table extends ColumnTable, Columns extends SomeColumnsOf<Table>>(
  table: Table,
  columns: Columns,
  map: (column: Column, Type: ColumnType) => Column,
): Likewise<Table, Columns> {
  const mapped = Object.entries(table).map(([name, Type]) => {
    const column = columns[name as keyof Table];
    return [name, column === null ? null : map(column, Type)];
  });
  return Object.fromEntries(mapped) as Likewise<Table, Columns>;
}

/** The columns' own memory, made to hold `length` rows; transfer() lets the engine grow it in place. */
export function resizeColumns<Table extends ColumnTable, Columns extends SomeColumnsOf<Table>>(
  table: Table,
  columns: Columns,
  length: number,
): Likewise<Table, Columns> {
  return mapColumns(
    table,
    columns,
    ({ buffer }, Type) => new Type(buffer.transfer(length * Type.BYTES_PER_ELEMENT)),
  );
}

/** Rows in the order of their times; equal times keep their order. */
export function rowsByTime(timesNs: Float64Array): Uint32Array {
  const rows = new Uint32Array(timesNs.length).map((_, row) => row);
  return rows.sort((a, b) => timesNs[a]! - timesNs[b]! || a - b);
}

/** The columns' `rows`, in that order. */
export function pickRows<Table extends ColumnTable, Columns extends SomeColumnsOf<Table>>(
  table: Table,
  columns: Columns,
  rows: ArrayLike<number>,
): Likewise<Table, Columns> {
  return mapColumns(table, columns, (column, Type) => {
    const picked = new Type(rows.length);
    for (let row = 0; row < rows.length; row++) picked[row] = column[rows[row]!]!;
    return picked;
  });
}

/** The memory that a trace's columns lie in, each once though columns may share one: what to transfer to a thread. */
export function buffersOf(trace: Trace): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  const collect = (column: Column) => {
    buffers.add(column.buffer);
    return column;
  };
  mapColumns(callColumns, trace, collect);
  if (trace.switches !== null) mapColumns(switchColumns, trace.switches, collect);
  if (trace.stacks !== null) mapColumns(stackColumns, trace.stacks, collect);
  return [...buffers];
}

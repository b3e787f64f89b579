/** `npm run --silent fault-matrix`: the whole matrix as the table of docs/operations.md; exit code 1 if a cell breaks. */
import { CALLS, type Call, FAULTS, type Fault } from './fault.ts';
import { allCells, type Cell, isExact, openMatrixAccount, patternsOf, runCells } from './matrix.ts';

const account = await openMatrixAccount();
const cells: Cell[] = [];
const names = allCells();
for await (const cell of runCells(account, names)) {
  cells.push(cell);
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${cells.length} of ${names.length}: ${cell.call}`);
}
await account.stop();
if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');

const lines = [
  `| call | ${FAULTS.join(' | ')} |`,
  `| --- | ${FAULTS.map(() => '---').join(' | ')} |`,
  ...CALLS.map((call) => `| ${call} | ${FAULTS.map((fault) => summary(call, fault)).join(' | ')} |`),
];
const broken = cells.filter((cell) => !isHeld(cell));
process.stdout.write(
  `${lines.join('\n')}\n\n${cells.length - broken.length} of ${cells.length} cells exact: one report a trace, one first notification, nothing in the dead letters.\n`,
);
for (const cell of broken) process.stdout.write(`${JSON.stringify(cell)}\n`);
process.exitCode = broken.length === 0 ? 0 : 1;

/** A cell whose fault nobody met proves nothing. */
function isHeld({ met, outcome }: Cell): boolean {
  return met && isExact(outcome);
}

/** `4/4`: exact with events once, twice, ten at once, out of order; fewer where the call is not made in all of these ways. */
function summary(call: Call, fault: Fault): string {
  const row = cells.filter((cell) => cell.call === call && cell.fault === fault);
  return `${row.filter(isHeld).length}/${patternsOf(call).length}`;
}

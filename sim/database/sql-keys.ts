import { compile, type Compiling, type Computed, type Scope } from './sql-expressions';
import type { Expression } from './sql-syntax';
import type { Cell, Table } from './store';

/** Says which rows of a table a condition can be about, in the order of their keys: so they are locked in it. */
export type Candidates = (scope: Scope) => readonly Cell[];

/**
 * Finds the rows by primary key where the condition names the first column of it, as a database's optimizer would; otherwise
 * all rows are looked at. Which rows are looked at is also which rows are locked.
 */
export function candidatesOf(table: Table, where: Expression | undefined, context: Compiling): Candidates {
  return keyedCandidates(table, where, context) ?? (() => sorted([...table.all()]));
}

/** The same for who only reads: where all rows are looked at, their order is that of their making. */
export function readableOf(
  table: Table,
  where: Expression | undefined,
  context: Compiling,
): (scope: Scope) => Iterable<Cell> {
  return keyedCandidates(table, where, context) ?? (() => table.all());
}

function keyedCandidates(table: Table, where: Expression | undefined, context: Compiling): Candidates | undefined {
  const values = where === undefined ? undefined : valuesOfFirst(table, where);
  if (values === undefined) return undefined;
  const computed = values.map((value): Computed => compile(value, [], context));
  const [only] = computed;
  if (computed.length === 1 && only !== undefined) return (scope) => table.startingWith(only(scope));
  return (scope) => {
    const found = new Set<Cell>();
    for (const value of computed) for (const cell of table.startingWith(value(scope))) found.add(cell);
    return sorted([...found]);
  };
}

/** What the first column of the key must be one of; undefined when the condition does not say. */
function valuesOfFirst(table: Table, where: Expression): readonly Expression[] | undefined {
  if (where.kind === 'in' && !where.not && isFirst(table, where.left))
    return where.list.every(isConstant) ? where.list : undefined;
  if (where.kind !== 'binary') return undefined;
  const { operator, left, right } = where;
  if (operator === '=' && isFirst(table, left) && isConstant(right)) return [right];
  if (operator === 'AND') return valuesOfFirst(table, left) ?? valuesOfFirst(table, right);
  if (operator !== 'OR') return undefined;
  const [one, other] = [valuesOfFirst(table, left), valuesOfFirst(table, right)];
  return one === undefined || other === undefined ? undefined : [...one, ...other];
}

function isFirst(table: Table, expression: Expression): boolean {
  return expression.kind === 'column' && expression.name === table.key[0];
}

function isConstant({ kind }: Expression): boolean {
  return kind === 'value' || kind === 'parameter';
}

function sorted(cells: Cell[]): Cell[] {
  return cells.length < 2 ? cells : cells.sort((one, other) => (one.key < other.key ? -1 : 1));
}

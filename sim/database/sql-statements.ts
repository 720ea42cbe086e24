/** Compiles the journal's SQL into functions over the stored rows. */
import { DatabaseFault, type SqlValue } from '../../src/journal/database';
import { compile, type Compiling, type Computed, isTrue, type Named, type Scope } from './sql-expressions';
import { candidatesOf, readableOf } from './sql-keys';
import { type Expression, parse, type Select, type Source, type Statement } from './sql-syntax';
import type { Cell, Column, StoredRow, Table, Transaction } from './store';

/** What a statement found or changed; or whose end it must wait for, and then it must be run again. */
export type Ran =
  | { readonly kind: 'rows'; readonly rows: readonly StoredRow[] }
  | { readonly kind: 'wrote'; readonly rows: number }
  | { readonly kind: 'waits'; readonly holder: Transaction };

/** Runs as a whole or not at all: whatever must be waited for is found before anything is changed. */
export type Runnable = (scope: Scope) => Ran;

/** Statements that are kept compiled: batches make ever new texts. */
const KEPT = 2_000;

export class Statements {
  private readonly tables: ReadonlyMap<string, Table>;
  private readonly context: Compiling;
  private readonly compiled = new Map<string, Runnable>();

  constructor(tables: ReadonlyMap<string, Table>) {
    this.tables = tables;
    this.context = { tables, select: (select, outer) => this.rowsOf(select, outer) };
  }

  get(sql: string): Runnable {
    let runnable = this.compiled.get(sql);
    if (runnable === undefined) {
      if (this.compiled.size >= KEPT) this.compiled.clear();
      runnable = this.compile(parse(sql));
      this.compiled.set(sql, runnable);
    }
    return runnable;
  }

  private compile(statement: Statement): Runnable {
    switch (statement.kind) {
      case 'select':
        return this.selecting(statement);
      case 'insert':
        return this.inserting(statement);
      case 'update':
        return this.updating(statement);
      case 'delete':
        return this.deleting(statement);
    }
  }

  private selecting(select: Select): Runnable {
    const rowsOf = this.rowsOf(select);
    if (!select.locks) return (scope) => ({ kind: 'rows', rows: rowsOf(scope) });
    // What is joined has the same gid as what it is joined to, so that the condition on the gid finds it as well.
    const locked = select.from.map(({ table = '' }) => candidatesOf(this.table(table), select.where, this.context));
    return (scope) => {
      for (const candidates of locked) {
        const holder = lock(candidates(scope), scope);
        if (holder !== undefined) return { kind: 'waits', holder };
      }
      return { kind: 'rows', rows: rowsOf(scope) };
    };
  }

  private inserting({ table: name, columns, rows, replaces }: Extract<Statement, { kind: 'insert' }>): Runnable {
    const table = this.table(name);
    const empty: StoredRow = Object.fromEntries(table.columns.map((column) => [column.name, null]));
    const tuples = rows.map((row) => row.map((value) => compile(value, [], this.context)));
    return (scope) => {
      const made = tuples.map((tuple) => {
        const row: Record<string, SqlValue> = { ...empty };
        for (const [index, value] of tuple.entries()) row[columns[index] ?? ''] = value(scope);
        return { row, cell: table.cellFor(row) };
      });
      const holder = lock(
        made.map(({ cell }) => cell),
        scope,
      );
      if (holder !== undefined) return { kind: 'waits', holder };
      for (const { row, cell } of made) {
        if (!replaces && cell.seenBy(scope.transaction) !== undefined) throw duplicate(table);
        for (const column of table.columns) checkColumn(name, column, row[column.name] ?? null);
        scope.transaction?.write(cell, row);
      }
      return { kind: 'wrote', rows: made.length };
    };
  }

  private updating({ table, sets, where }: Extract<Statement, { kind: 'update' }>): Runnable {
    const sources = [namedTable(table, this.table(table))];
    const computed = sets.map(({ name, value }) => ({
      column: columnOf(this.table(table), name),
      value: compile(value, sources, this.context),
    }));
    return this.changing(table, where, (row, scope) => {
      const next: Record<string, SqlValue> = { ...row };
      for (const { column, value } of computed) {
        const set = value(scope);
        checkColumn(table, column, set);
        next[column.name] = set;
      }
      return next;
    });
  }

  private deleting({ table, where }: Extract<Statement, { kind: 'delete' }>): Runnable {
    return this.changing(table, where, () => undefined);
  }

  /** Makes of each row that meets the condition what `change` says, once all that could meet it are locked. */
  private changing(
    name: string,
    where: Expression | undefined,
    change: (row: StoredRow, scope: Scope) => StoredRow | undefined,
  ): Runnable {
    const table = this.table(name);
    const matches: Computed = where === undefined ? () => 1 : compile(where, [namedTable(name, table)], this.context);
    const candidates = candidatesOf(table, where, this.context);
    return (scope) => {
      const found = candidates(scope);
      const holder = lock(found, scope);
      if (holder !== undefined) return { kind: 'waits', holder };
      let rows = 0;
      for (const cell of found) {
        const row = cell.seenBy(scope.transaction);
        if (row === undefined) continue;
        scope.rows[0] = row;
        if (!isTrue(matches(scope))) continue;
        scope.transaction?.write(cell, change(row, scope));
        rows += 1;
      }
      return { kind: 'wrote', rows };
    };
  }

  /** The rows of a SELECT, as its transaction sees them now. */
  private rowsOf(select: Select, outer: readonly Named[] = []): (scope: Scope) => readonly StoredRow[] {
    const sources = [...outer, ...select.from.map((source) => this.named(source))];
    const inputs = select.from.map((source, index) =>
      this.input(source, select, sources.slice(0, outer.length + index + 1)),
    );
    const matches: Computed = select.where === undefined ? () => 1 : compile(select.where, sources, this.context);
    const columns = select.columns.map(({ name, value }) => ({ name, value: compile(value, sources, this.context) }));
    const order = select.order.map(({ value, descending }) => ({
      value: compile(value, sources, this.context),
      sign: descending ? -1 : 1,
    }));
    const limit = select.limit === undefined ? undefined : compile(select.limit, [], this.context);
    const arrange = arranging(order, select.distinct);
    return (scope) => {
      const found: Found[] = [];
      const visit = (depth: number): void => {
        const input = inputs[depth - outer.length];
        if (input !== undefined) {
          input(scope, depth, () => visit(depth + 1));
          return;
        }
        if (!isTrue(matches(scope))) return;
        const row: Record<string, SqlValue> = {};
        for (const { name, value } of columns) row[name] = value(scope);
        found.push({ row, keys: order.length === 0 ? NO_KEYS : order.map(({ value }) => value(scope)) });
      };
      visit(outer.length);
      const rows = arrange(found);
      return limit === undefined ? rows : rows.slice(0, Number(limit(scope)));
    };
  }

  /** Sets each row of a source in turn, and goes on from there. */
  private input(source: Source, { where }: Select, sources: readonly Named[]) {
    const { table: name, derived, on } = source;
    const matches: Computed = on === undefined ? () => 1 : compile(on, sources, this.context);
    const joined = on === undefined ? undefined : joinedBy(on, source.alias);
    const by = joined === undefined ? undefined : compile(joined, sources, this.context);
    const rowsOf: (scope: Scope) => readonly StoredRow[] = derived
      ? this.rowsOf(derived)
      : this.tableRows(this.table(name ?? ''), on === undefined ? where : undefined, by);
    return (scope: Scope, depth: number, next: () => void): void => {
      let any = false;
      for (const row of rowsOf(scope)) {
        scope.rows[depth] = row;
        if (!isTrue(matches(scope))) continue;
        any = true;
        next();
      }
      if (any || on === undefined) return;
      scope.rows[depth] = undefined;
      next();
    };
  }

  private tableRows(table: Table, where: Expression | undefined, by: Computed | undefined) {
    const candidates =
      by === undefined
        ? readableOf(table, where, this.context)
        : (scope: Scope): Iterable<Cell> => table.startingWith(by(scope));
    return (scope: Scope): readonly StoredRow[] => {
      const rows: StoredRow[] = [];
      for (const cell of candidates(scope)) {
        const row = cell.seenBy(scope.transaction);
        if (row !== undefined) rows.push(row);
      }
      return rows;
    };
  }

  private named({ alias, table, derived }: Source): Named {
    if (derived !== undefined) return { alias, columns: new Set(derived.columns.map(({ name }) => name)) };
    return namedTable(alias, this.table(table ?? ''));
  }

  private table(name: string): Table {
    const table = this.tables.get(name);
    if (table === undefined) throw new DatabaseFault('rejected', `there is no table ${name}`);
    return table;
  }
}

function namedTable(alias: string, table: Table): Named {
  return { alias, columns: new Set(table.columns.map(({ name }) => name)) };
}

/** What the key of a joined table is compared with. */
function joinedBy(on: Expression, alias: string): Expression | undefined {
  if (on.kind !== 'binary' || on.operator !== '=' || on.left.kind !== 'column') return undefined;
  return on.left.source === alias && on.right.kind === 'column' ? on.right : undefined;
}

/** Takes one row after the other, until one is held by somebody else. */
function lock(cells: readonly Cell[], { transaction }: Scope): Transaction | undefined {
  for (const cell of cells) {
    if (cell.owner !== undefined && cell.owner !== transaction) return cell.owner;
    transaction?.hold(cell);
  }
  return undefined;
}

function columnOf(table: Table, name: string): Column {
  const column = table.columns.find((each) => each.name === name);
  if (column === undefined) throw new DatabaseFault('rejected', `there is no column ${table.name}.${name}`);
  return column;
}

function checkColumn(table: string, { name, nullable, length }: Column, value: SqlValue): void {
  if (value === null && !nullable) throw new DatabaseFault('rejected', `${table}.${name} cannot be null`);
  if (length !== undefined && typeof value === 'string' && value.length > length)
    throw new DatabaseFault('rejected', `${table}.${name} is too long`);
}

function duplicate(table: Table): DatabaseFault {
  return new DatabaseFault('duplicate', `a key of ${table.name} is taken`);
}

/** A row that a SELECT found, and what it is ordered by. */
interface Found {
  readonly row: StoredRow;
  readonly keys: readonly SqlValue[];
}

const NO_KEYS: readonly SqlValue[] = [];

/** Puts what was found into its order, each row once where it is to be distinct. */
function arranging(
  order: readonly { readonly sign: number }[],
  distinct: boolean,
): (found: Found[]) => readonly StoredRow[] {
  return (found) => {
    if (order.length > 0 && found.length > 1) {
      found.sort((one, other) => {
        for (const [index, { sign }] of order.entries()) {
          const difference = compare(one.keys[index] ?? null, other.keys[index] ?? null);
          if (difference !== 0) return difference * sign;
        }
        return 0;
      });
    }
    const rows = found.map(({ row }) => row);
    return distinct ? [...new Map(rows.map((row) => [JSON.stringify(row), row])).values()] : rows;
  };
}

function compare(one: SqlValue, other: SqlValue): number {
  if (one === other) return 0;
  if (one === null) return -1;
  if (other === null) return 1;
  return one < other ? -1 : 1;
}

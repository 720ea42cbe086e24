/** Compiles the journal's SQL into functions over the stored rows. */
import { DatabaseFault, type SqlValue } from '../../src/journal/database';
import { compile, type Compiling, type Computed, isTrue, type Named, type Scope } from './sql-expressions';
import { type Candidates, candidatesOf } from './sql-keys';
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
        put(table, cell, row, scope);
      }
      return { kind: 'wrote', rows: made.length };
    };
  }

  private updating({ table: name, sets, where }: Extract<Statement, { kind: 'update' }>): Runnable {
    const { table, candidates, matches, sources } = this.targets(name, where);
    const computed = sets.map((set) => ({ name: set.name, value: compile(set.value, sources, this.context) }));
    return (scope) => {
      const found = candidates(scope);
      const holder = lock(found, scope);
      if (holder !== undefined) return { kind: 'waits', holder };
      let count = 0;
      for (const cell of found) {
        const row = cell.seenBy(scope.transaction);
        if (row === undefined) continue;
        scope.rows[0] = row;
        if (!isTrue(matches(scope))) continue;
        const next: Record<string, SqlValue> = { ...row };
        for (const set of computed) next[set.name] = set.value(scope);
        put(table, cell, next, scope);
        count += 1;
      }
      return { kind: 'wrote', rows: count };
    };
  }

  private deleting({ table: name, where }: Extract<Statement, { kind: 'delete' }>): Runnable {
    const { candidates, matches } = this.targets(name, where);
    return (scope) => {
      const found = candidates(scope);
      const holder = lock(found, scope);
      if (holder !== undefined) return { kind: 'waits', holder };
      let count = 0;
      for (const cell of found) {
        const row = cell.seenBy(scope.transaction);
        if (row === undefined) continue;
        scope.rows[0] = row;
        if (!isTrue(matches(scope))) continue;
        scope.transaction?.write(cell, undefined);
        count += 1;
      }
      return { kind: 'wrote', rows: count };
    };
  }

  private targets(name: string, where: Expression | undefined) {
    const table = this.table(name);
    const sources = [namedTable(name, table)];
    const matches: Computed = where === undefined ? () => 1 : compile(where, sources, this.context);
    return { table, sources, matches, candidates: candidatesOf(table, where, this.context) };
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
    return (scope) => {
      const found: { readonly row: StoredRow; readonly keys: readonly SqlValue[] }[] = [];
      const visit = (depth: number): void => {
        const input = inputs[depth - outer.length];
        if (input !== undefined) {
          input(scope, depth, () => visit(depth + 1));
          return;
        }
        if (!isTrue(matches(scope))) return;
        const row: Record<string, SqlValue> = {};
        for (const { name, value } of columns) row[name] = value(scope);
        found.push({ row, keys: order.length === 0 ? [] : order.map(({ value }) => value(scope)) });
      };
      visit(outer.length);
      if (order.length > 0) {
        found.sort((one, other) => {
          for (const [index, { sign }] of order.entries()) {
            const difference = compare(one.keys[index] ?? null, other.keys[index] ?? null);
            if (difference !== 0) return difference * sign;
          }
          return 0;
        });
      }
      const rows = found.map(({ row }) => row);
      const distinct = select.distinct ? [...new Map(rows.map((row) => [JSON.stringify(row), row])).values()] : rows;
      return limit === undefined ? distinct : distinct.slice(0, Number(limit(scope)));
    };
  }

  /** Sets each row of a source in turn, and goes on from there. */
  private input(source: Source, { where }: Select, sources: readonly Named[]) {
    const { table: name, derived, on } = source;
    const matches: Computed = on === undefined ? () => 1 : compile(on, sources, this.context);
    const joined = on === undefined ? undefined : joinedBy(on, source.alias);
    const by = joined === undefined ? undefined : compile(joined, sources, this.context);
    const rowsOf: (scope: Scope) => Iterable<StoredRow> = derived
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
    const candidates: Candidates | undefined = by === undefined ? candidatesOf(table, where, this.context) : undefined;
    return function* (scope: Scope): Iterable<StoredRow> {
      const cells = candidates?.(scope) ?? table.startingWith(by?.(scope) ?? null);
      for (const cell of cells) {
        const row = cell.seenBy(scope.transaction);
        if (row !== undefined) yield row;
      }
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

function put(table: Table, cell: Cell, row: StoredRow, { transaction }: Scope): void {
  for (const column of table.columns) checkColumn(table, column, row[column.name] ?? null);
  transaction?.write(cell, row);
}

function checkColumn(table: Table, { name, nullable, length }: Column, value: SqlValue): void {
  if (value === null && !nullable) throw new DatabaseFault('rejected', `${table.name}.${name} cannot be null`);
  if (length !== undefined && typeof value === 'string' && value.length > length)
    throw new DatabaseFault('rejected', `${table.name}.${name} is too long`);
}

function duplicate(table: Table): DatabaseFault {
  return new DatabaseFault('duplicate', `a key of ${table.name} is taken`);
}

function compare(one: SqlValue, other: SqlValue): number {
  if (one === other) return 0;
  if (one === null) return -1;
  if (other === null) return 1;
  return one < other ? -1 : 1;
}

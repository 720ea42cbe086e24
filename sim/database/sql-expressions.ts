import type { SqlValue } from '../../src/journal/database';
import type { Expression, Select } from './sql-syntax';
import type { StoredRow, Table, Transaction } from './store';

/** What an expression is computed from. */
export interface Scope {
  readonly values: readonly SqlValue[];
  readonly nowMs: number;
  readonly transaction: Transaction | undefined;
  /** One row per source; undefined where a LEFT JOIN found none. */
  readonly rows: (StoredRow | undefined)[];
  /** What LAST_INSERT_ID(…) has kept in this statement; 0 when it touched no row. */
  stampMs: number;
  /** What it had kept before, over this connection. */
  readonly stampedMs: number;
}

export type Computed = (scope: Scope) => SqlValue;

/** A source of rows by its alias, and the columns that it has. */
export interface Named {
  readonly alias: string;
  readonly columns: ReadonlySet<string>;
}

export interface Compiling {
  readonly tables: ReadonlyMap<string, Table>;
  /** `outer`: the sources that a subquery may name besides its own. */
  readonly select: (select: Select, outer: readonly Named[]) => (scope: Scope) => readonly StoredRow[];
}

/** Compiles an expression over these sources. Truth is 1, 0 or NULL. */
export function compile(expression: Expression, sources: readonly Named[], context: Compiling): Computed {
  const sub = (inner: Expression) => compile(inner, sources, context);
  switch (expression.kind) {
    case 'value': {
      const { value } = expression;
      return () => value;
    }
    case 'parameter': {
      const { index } = expression;
      return ({ values }) => values[index] ?? null;
    }
    case 'column':
      return column(expression, sources);
    case 'call':
      return call(expression.name, expression.inputs.map(sub));
    case 'binary':
      return binary(expression.operator, sub(expression.left), sub(expression.right));
    case 'null': {
      const [left, whenNull] = [sub(expression.left), expression.not ? 0 : 1];
      return (scope) => (left(scope) === null ? whenNull : 1 - whenNull);
    }
    case 'in': {
      const [left, list, whenIn] = [sub(expression.left), expression.list.map(sub), expression.not ? 0 : 1];
      return (scope) => {
        const value = left(scope);
        if (value === null) return null;
        for (const item of list) if (item(scope) === value) return whenIn;
        return 1 - whenIn;
      };
    }
    case 'exists': {
      const rows = context.select(expression.select, sources);
      return (scope) => (rows({ ...scope, rows: [...scope.rows] }).length > 0 ? 1 : 0);
    }
  }
}

function column({ source, name }: Extract<Expression, { kind: 'column' }>, sources: readonly Named[]): Computed {
  // A subquery's own sources come last, and before those around it.
  const index = sources.findLastIndex(({ alias, columns }) =>
    source === undefined ? columns.has(name) : alias === source && columns.has(name),
  );
  if (index < 0) throw new Error(`there is no column ${source ?? ''}.${name}`);
  return ({ rows }) => rows[index]?.[name] ?? null;
}

function call(name: string, inputs: readonly Computed[]): Computed {
  const [first] = inputs;
  switch (name) {
    case 'NOW':
      return ({ nowMs }) => nowMs;
    case 'STAMP':
      return (scope) => (scope.stampMs = scope.nowMs);
    case 'STAMPED':
      return ({ stampedMs }) => stampedMs;
    case 'COALESCE':
      return (scope) => {
        for (const input of inputs) {
          const value = input(scope);
          if (value !== null) return value;
        }
        return null;
      };
    default:
      throw new Error(`there is no function ${name}${first === undefined ? '()' : '(…)'}`);
  }
}

function binary(operator: string, left: Computed, right: Computed): Computed {
  switch (operator) {
    case 'AND':
      return (scope) => (isTrue(left(scope)) && isTrue(right(scope)) ? 1 : 0);
    case 'OR':
      return (scope) => (isTrue(left(scope)) || isTrue(right(scope)) ? 1 : 0);
    case '+':
      return (scope) => sum(left(scope), right(scope), 1);
    case '-':
      return (scope) => sum(left(scope), right(scope), -1);
    default:
      return comparison(operator, left, right);
  }
}

function comparison(operator: string, left: Computed, right: Computed): Computed {
  const holds = comparisons[operator];
  if (holds === undefined) throw new Error(`there is no operator ${operator}`);
  return (scope) => {
    const [one, other] = [left(scope), right(scope)];
    return one === null || other === null ? null : holds(one, other) ? 1 : 0;
  };
}

type Comparable = Exclude<SqlValue, null>;

const comparisons: Readonly<Record<string, (one: Comparable, other: Comparable) => boolean>> = {
  '=': (one, other) => one === other,
  '<>': (one, other) => one !== other,
  '<': (one, other) => one < other,
  '<=': (one, other) => one <= other,
  '>': (one, other) => one > other,
  '>=': (one, other) => one >= other,
};

export function isTrue(value: SqlValue): boolean {
  return value !== null && value !== 0;
}

function sum(one: SqlValue, other: SqlValue, sign: 1 | -1): SqlValue {
  if (one === null || other === null) return null;
  return Number(one) + sign * Number(other);
}
